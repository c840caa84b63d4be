# 039_hardening.pl: how relay and plugin are built, as the ELF files say it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

plan skip_all => 'no readelf here' if system('readelf --version >/dev/null 2>&1') != 0;
for my $file ($walrelay, "$plugin_dir/walrelay.so")
{
	my $name = $file =~ s{.*/}{}r;
	my $elf = qx(LC_ALL=C readelf -W -h -l -d --dyn-syms '$file');
	is($?, 0, "$name: readelf");
	like($elf, qr/^\s*Type:\s+DYN /m, "$name: position independent");
	like($elf, qr/\(FLAGS_1\)\s+Flags:.*\bPIE\b/, "$name: an executable so, too") if $name eq 'walrelay';
	like($elf, qr/^\s*GNU_RELRO /m, "$name: read-only after relocation");
	like($elf, qr/\(FLAGS\)\s+.*BIND_NOW|\(FLAGS_1\)\s+Flags:.*\bNOW\b/, "$name: all of it");
	like($elf, qr/^\s*GNU_STACK\s+(?:0x[0-9a-f]+\s+){5}RW\s/m, "$name: no code on the stack");
	like($elf, qr/\b__stack_chk_fail\b/, "$name: stack protector");
	like($elf, qr/\b__\w+_chk\b(?<!__stack_chk)/, "$name: fortified calls") if $name eq 'walrelay';
	unlike($elf, qr/\((?:RPATH|RUNPATH|TEXTREL)\)/, "$name: no libraries from elsewhere, no text relocations");
	unlike($elf, qr/^\s*LOAD\s.*\bRWE\b/m, "$name: nothing is writable and code");
}
done_testing();
