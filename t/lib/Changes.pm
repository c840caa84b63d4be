# Changes.pm: what four readers of the same WAL say, brought into one form: walrelay's
# text and its binary frames (by wire.py), test_decoding, pgoutput.  Each function gives
# a list of lines:
#
#   begin XID | insert TABLE: a="1" b=null | update TABLE: key(a="1") a="2" b=unchanged
#   delete TABLE: full(...) | truncate TABLE, TABLE cascade | message ... | commit
#
# Values are the text of the type's output function.  Written from the formats'
# documentation; shares no code with the plugin.
package Changes;

use strict;
use warnings;
use JSON::PP ();

my $json = JSON::PP->new->canonical->allow_nonref->latin1;

sub value
{
	my ($value) = @_;
	return 'null' if !defined $value;
	return $$value if ref $value eq 'SCALAR';
	return $json->encode(ref $value ? $value : "$value");
}

# row COLUMNS: [ [name, value]... ] as text
sub row
{
	my ($columns) = @_;
	return join ' ', map { "$_->[0]=" . value($_->[1]) } @$columns;
}

# change VERB, TABLE, KIND of the old row, OLD, NEW
sub change
{
	my ($verb, $table, $kind, $old, $new) = @_;
	return join ' ', "$verb $table:", $verb eq 'insert' ? () : $kind . ($kind eq 'none' ? '' : '(' . row($old) . ')'),
	  $new ? row($new) : ();
}

sub name
{
	my ($quoted) = @_;
	return $quoted =~ /^"(.*)"$/ ? $1 =~ s/""/"/gr : $quoted;
}

sub names
{
	my ($text) = @_;
	return join '.', map { name($_) } $text =~ /("(?:[^"]|"")+"|[^".]+)/g;
}

my $IDENT = qr/"(?:[^"]|"")+"|[\w\$]+/;
my $TABLE = qr/(?:$IDENT)\.(?:$IDENT)/;

# ---- walrelay, format=text, without positions, times and relations ----
my %escapes = (n => "\n", t => "\t", "\\" => "\\");

sub literal
{
	my ($text) = @_;
	return \'unchanged' if $text eq 'unchanged-toast';
	return undef if $text eq 'null';
	return $text if $text !~ /^(E?)'(.*)'\z/s;
	my ($escaped, $inner) = ($1, $2);
	$inner =~ s/''/'/g;
	$inner =~ s/\\(x(..)|.)/defined $2 ? chr hex $2 : $escapes{$1}/ge if $escaped;
	return $inner;
}

sub columns
{
	my ($text) = @_;
	my @columns;
	push @columns, [ name($1), literal($2) ]
	  while $$text =~ /\G ?($IDENT)=(E?'(?:[^']|'')*'|[^' )]+)/gc;
	return \@columns;
}

sub of_walrelay
{
	return map {
		my $line = $_;
		if ($line =~ /^BEGIN (\d+)/) { "begin $1" }
		elsif ($line =~ /^COMMIT/) { 'commit' }
		elsif ($line =~ /^TRUNCATE (.*?)((?: cascade)?(?: restart-identity)?)$/)
		{
			'truncate ' . join(', ', map { names($_) } split /, /, $1) . $2;
		}
		elsif ($line =~ /^MESSAGE (.*) (transactional|immediate): (.*)$/s)
		{
			"message $2 " . literal($1) . ' ' . literal($3);
		}
		elsif ($line =~ /^(INSERT|UPDATE|DELETE) ($TABLE):/gc)
		{
			my ($verb, $table, $kind, $old) = (lc $1, names($2), 'none');
			if ($line =~ /\G old-(none|key\(|full\()/gc && ($kind = $1) ne 'none')
			{
				$kind =~ s/\($//;
				$old = columns(\$line);
				$line =~ /\G\)/gc or die "cannot parse: $line\n";
			}
			my $new = columns(\$line);
			$line =~ /\G\z/gc or die "cannot parse at " . pos($line) . ": $line\n";
			change($verb, $table, $kind, $old, $verb eq 'delete' ? undef : $new);
		}
		else { die "cannot parse: $line\n" }
	} @_;
}

# ---- walrelay, binary, as wire.py decodes it ----
sub wire_row
{
	my ($relation, $row) = @_;
	return [ map {
		my $value = $row->{ $_->{name} };
		$value = $value ? 't' : 'f' if ref $value eq 'JSON::PP::Boolean';
		$value = \'unchanged' if ref $value eq 'HASH' && ($value->{state} // '') eq 'unchanged';
		$value = $value->{text} if ref $value eq 'HASH' && exists $value->{text};
		utf8::encode($value) if defined $value && !ref $value;
		[ $_->{name}, $value ]
	} grep { exists $row->{ $_->{name} } } @{ $relation->{columns} } ];
}

my %verbs = (I => 'insert', U => 'update', D => 'delete');
my %kinds = ('-' => 'none', k => 'key', f => 'full');

sub of_wire
{
	my %relations;
	return map {
		my $record = $_;
		my $kind = $record->{kind};
		if ($kind eq 'R') { $relations{"$record->{schema}.$record->{name}"} = $record; () }
		elsif ($kind eq 'B') { "begin $record->{xid}" }
		elsif ($kind eq 'C') { 'commit' }
		elsif ($kind eq 'T')
		{
			'truncate ' . join(', ', @{ $record->{tables} }) . ($record->{flags} & 1 ? ' cascade' : '')
			  . ($record->{flags} & 2 ? ' restart-identity' : '');
		}
		elsif ($kind eq 'M')
		{
			'message ' . ($record->{transactional} ? 'transactional' : 'immediate') . " $record->{prefix} $record->{content}";
		}
		elsif ($verbs{$kind})
		{
			my $relation = $relations{ $record->{table} };
			my ($old, $new) = map { $_ && wire_row($relation, $_) } @$record{qw(old new)};
			change($verbs{$kind}, $record->{table}, $kinds{ $record->{old_kind} // '-' }, $old, $new);
		}
		else { () }
	} @_;
}

# ---- test_decoding ----
# FULL: the tables of which an old row is complete; nothing in its text says so.
sub test_decoding_columns
{
	my ($text) = @_;
	my @columns;
	while ($$text =~ /\G ($IDENT)\[((?:[^\[\]]|\[\])+)\]:(B?'(?:[^']|'')*'|[^' ]+)/gc)
	{
		my ($name, $type, $value) = (name($1), $2, $3);
		$value = $value eq 'unchanged-toast-datum' ? \'unchanged' : literal($value =~ s/^B//r);
		$value = substr $value, 0, 1 if $type eq 'boolean' && defined $value && !ref $value;
		push @columns, [ $name, $value ];
	}
	return \@columns;
}

sub of_test_decoding
{
	return map {
		my $line = $_;
		if ($line =~ /^BEGIN (\d+)/) { "begin $1" }
		elsif ($line =~ /^COMMIT/) { 'commit' }
		elsif ($line =~ /^table (.*): TRUNCATE: (.*)$/)
		{
			my ($tables, $flags) = ($1, $2);
			'truncate ' . join(', ', map { names($_) } split /, /, $tables) . ($flags =~ /cascade/ ? ' cascade' : '')
			  . ($flags =~ /restart_seqs/ ? ' restart-identity' : '');
		}
		elsif ($line =~ /^message: transactional: (\d) prefix: (.*), sz: \d+ content:(.*)$/s)
		{
			'message ' . ($1 ? 'transactional' : 'immediate') . " $2 $3";
		}
		elsif ($line =~ /^table ($TABLE): (INSERT|UPDATE|DELETE):/gc)
		{
			my ($table, $verb, $old, $new) = (names($1), lc $2);
			if ($line =~ /\G \(no-tuple-data\)/gc) { }
			elsif ($verb eq 'delete') { $old = test_decoding_columns(\$line) }
			elsif ($line =~ /\G old-key:/gc)
			{
				$old = test_decoding_columns(\$line);
				$line =~ /\G new-tuple:/gc or die "cannot parse: $line\n";
			}
			$new = test_decoding_columns(\$line) if $verb ne 'delete';
			$line =~ /\G\z/gc or die 'cannot parse at ' . pos($line) . ": $line\n";
			change($verb, $table, $old ? 'old' : 'none', $old, $new);
		}
		else { die "cannot parse: $line\n" }
	} @_;
}

# ---- pgoutput, text values, one message each, any protocol version without streaming ----
sub pgoutput_tuple
{
	my ($relation, $data, $key_only) = @_;
	my ($count) = unpack 'n', substr $$data, 0, 2, '';
	my @columns;
	die "$count values for " . @{ $relation->{columns} } . " columns\n" if $count != @{ $relation->{columns} };
	for my $column (@{ $relation->{columns} })
	{
		my $kind = substr $$data, 0, 1, '';
		my $value = $kind eq 'n' ? undef : $kind eq 'u' ? \'unchanged' : do
		{
			die "value of kind $kind\n" if $kind ne 't';
			my $length = unpack 'N', substr $$data, 0, 4, '';
			substr $$data, 0, $length, '';
		};
		push @columns, [ $column->{name}, $value ] if !$key_only || $column->{key};
	}
	return \@columns;
}

sub pgoutput_relation
{
	my ($data) = @_;
	my ($schema, $name, $identity, $count, $rest) = unpack 'Z* Z* a n a*', $data;
	my @columns;
	for (1 .. $count)
	{
		my ($flags, $column);
		($flags, $column, undef, undef, $rest) = unpack 'C Z* N N a*', $rest;
		push @columns, { name => $column, key => $flags & 1 };
	}
	die "bytes left over\n" if length $rest;
	return { name => "$schema.$name", identity => $identity, columns => \@columns };
}

sub of_pgoutput
{
	my %relations;
	return map {
		my ($kind, $data) = unpack 'a a*', $_;
		if ($kind eq 'B') { 'begin ' . unpack 'x16 N', $data }
		elsif ($kind eq 'C') { 'commit' }
		elsif ($kind eq 'R') { my $id = unpack 'N', substr $data, 0, 4, ''; $relations{$id} = pgoutput_relation($data); () }
		elsif ($kind eq 'Y' || $kind eq 'O') { () }
		elsif ($kind eq 'T')
		{
			my (undef, $flags, @ids) = unpack 'N C N*', $data;
			'truncate ' . join(', ', map { $relations{$_}{name} } @ids) . ($flags & 1 ? ' cascade' : '')
			  . ($flags & 2 ? ' restart-identity' : '');
		}
		elsif ($kind eq 'M')
		{
			my ($flags, $prefix, $content) = unpack 'C x8 Z* N/a*', $data;
			'message ' . ($flags & 1 ? 'transactional' : 'immediate') . " $prefix $content";
		}
		elsif ($verbs{$kind})
		{
			my $relation = $relations{ unpack 'N', substr $data, 0, 4, '' } // die "relation was not announced\n";
			my ($old_kind, $old, $new) = ('none');
			my $part = substr $data, 0, 1, '';
			if ($part ne 'N')
			{
				$old_kind = { K => 'key', O => 'full' }->{$part};
				$old = pgoutput_tuple($relation, \$data, $part eq 'K');
				$part = $kind eq 'U' ? substr $data, 0, 1, '' : '';
			}
			$new = pgoutput_tuple($relation, \$data) if $part eq 'N';
			die "bytes left over\n" if length $data;
			change($verbs{$kind}, $relation->{name}, $old_kind, $old, $new);
		}
		else { die "message of kind $kind\n" }
	} @_;
}

1;
