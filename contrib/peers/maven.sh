# maven.sh: jars from Maven Central, by Maven, without touching anything but the folders that
# it is told.  Sourced behind quickstart/common.sh by what fetches peers and consumers.
# shellcheck shell=bash

# maven REPOSITORY GOAL...: a wrong checksum, or none, is an error, unless MAVEN_CHECKSUMS=-c is set: then
# the caller has to know the digest.
maven()
{
	command -v mvn >/dev/null || die 'no mvn here' "HINT: contrib/quickstart/deps kafka"
	mvn -q -B "${MAVEN_CHECKSUMS:--C}" -ntp -Dmaven.repo.local="$1" "${@:2}" 2>&1 | sed 's/\x1b\[[0-9;]*m//g; /^$/d'
}
plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1

# jars_fetch OUT FOLDER COORDINATE...: them and all that they depend on, into FOLDER
jars_fetch()
{
	local out=$1 folder=$2 coordinate
	shift 2
	{
		echo '<project><modelVersion>4.0.0</modelVersion>'
		echo '<groupId>walrelay</groupId><artifactId>peers</artifactId><version>1</version><dependencies>'
		for coordinate; do
			# shellcheck disable=SC2086  # three words
			printf '<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>\n' \
				${coordinate//:/ }
		done
		echo '</dependencies></project>'
	} >"$out.pom"
	maven "$out.m2" -f "$out.pom" "$plugin:copy-dependencies" \
		-DincludeScope=runtime -DoutputDirectory="$folder"
}
