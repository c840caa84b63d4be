# Browser.pm: a headless Chromium with one page, driven by its DevTools protocol over a pipe.
#
#   my $browser = Browser->start;
#   $browser->window(width => 390, dark => 1);
#   $browser->visit('http://127.0.0.1:9187/');
#   is($browser->value('document.title'), ...);
package Browser;

use strict;
use warnings;
use Fcntl qw(F_DUPFD);
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Walrelay;
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8->allow_nonref;

# start: with a profile of its own; its words go to browser.err
sub start
{
	my ($class) = @_;
	my ($profile, $log) = ("$ENV{TESTDATADIR}/browser", "$ENV{TESTLOGDIR}/browser.err");
	pipe(my $commands, my $to) && pipe(my $from, my $answers) or die "no pipe: $!\n";
	my $pid = fork() // die "cannot fork: $!\n";
	if ($pid == 0)
	{
		# It reads 3 and writes 4, which may be ends of these pipes now.
		my ($in, $out) = map { fcntl($_, F_DUPFD, 10) // POSIX::_exit(126) } $commands, $answers;
		POSIX::dup2($in, 3) && POSIX::dup2($out, 4) or POSIX::_exit(126);
		POSIX::close($_) for $in, $out;
		open(STDIN, '<', '/dev/null') && open(STDOUT, '>', $log) && open(STDERR, '>&', \*STDOUT) or POSIX::_exit(126);
		# Who runs the tests in a container may make no sandbox; nothing but our own page is opened.
		exec { 'chromium' } 'chromium', qw(--headless --remote-debugging-pipe --no-sandbox --disable-gpu --no-first-run
		  --disable-dev-shm-usage --disable-background-networking --disable-component-update --disable-extensions
		  --disable-sync --disable-breakpad --no-default-browser-check --password-store=basic --mute-audio),
		  "--user-data-dir=$profile", 'about:blank'
		  or POSIX::_exit(127);
	}
	my $self = bless { pid => $pid, to => $to, from => $from, log => $log, unread => '', id => 0, requests => [], complaints => [] }, $class;
	my $target = $self->command('Target.createTarget', { url => 'about:blank' })->{targetId};
	$self->{session} = $self->command('Target.attachToTarget', { targetId => $target, flatten => JSON::PP::true })->{sessionId};
	$self->command("$_.enable") for qw(Page Runtime Log Network);
	$self->command('Emulation.setScrollbarsHidden', { hidden => JSON::PP::true });    # as on a telephone, and in pictures
	return $self;
}

# command METHOD, PARAMETERS: its result
sub command
{
	my ($self, $method, $params) = @_;
	my %message = (id => ++$self->{id}, method => $method, params => $params // {});
	$message{sessionId} = $self->{session} if defined $self->{session};
	my $text = $json->encode(\%message) . "\0";
	local $SIG{PIPE} = 'IGNORE';
	while (length $text)
	{
		my $n = syswrite($self->{to}, $text) // die "the browser has ended: " . slurp($self->{log}) . "\n";
		substr($text, 0, $n, '');
	}
	while (1)
	{
		my $answer = $self->_message;
		if (defined $answer->{id} && $answer->{id} == $self->{id})
		{
			die "$method: $answer->{error}{message}\n" if $answer->{error};
			return $answer->{result};
		}
		$self->_event($answer) if defined $answer->{method};
	}
}

sub _message
{
	my ($self) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	while ($self->{unread} !~ /\0/)
	{
		vec(my $ready = '', fileno($self->{from}), 1) = 1;
		select($ready, undef, undef, $end - time) > 0 or die "the browser does not answer\n";
		sysread($self->{from}, $self->{unread}, 65536, length $self->{unread})
		  or die 'the browser has ended: ' . slurp($self->{log}) . "\n";
	}
	$self->{unread} =~ s/\A([^\0]*)\0//;
	return $json->decode($1);
}

sub _event
{
	my ($self, $event) = @_;
	my ($method, $params) = @$event{qw(method params)};
	push @{ $self->{requests} }, $params->{request}{url} if $method eq 'Network.requestWillBeSent';
	push @{ $self->{complaints} }, "uncaught: " . $json->encode($params->{exceptionDetails}) if $method eq 'Runtime.exceptionThrown';
	push @{ $self->{complaints} }, "console: " . $json->encode($params->{args}) if $method eq 'Runtime.consoleAPICalled';
	push @{ $self->{complaints} }, "$params->{entry}{source}: $params->{entry}{text} $params->{entry}{url}" if $method eq 'Log.entryAdded';
	return;
}

# requests, complaints: addresses that were asked for; what the browser, or a script, wrote to the
# console, "source: text"
sub requests { my ($self) = @_; return @{ $self->{requests} }; }
sub complaints { my ($self) = @_; return @{ $self->{complaints} }; }

# window width => 1280, height => 800, dark => 0
sub window
{
	my ($self, %opt) = (shift, width => 1280, height => 800, dark => 0, @_);
	$self->command('Emulation.setDeviceMetricsOverride',
		{ width => $opt{width}, height => $opt{height}, deviceScaleFactor => 1, mobile => JSON::PP::false });
	$self->command('Emulation.setEmulatedMedia',
		{ features => [ { name => 'prefers-color-scheme', value => $opt{dark} ? 'dark' : 'light' } ] });
	return;
}

sub visit
{
	my ($self, $url) = @_;
	my $result = $self->command('Page.navigate', { url => $url });
	die "$url: $result->{errorText}\n" if $result->{errorText};
	return;
}

# value EXPRESSION: what that is in the page, a promise's when it is kept
sub value
{
	my ($self, $expression) = @_;
	my $result = $self->command('Runtime.evaluate',
		{ expression => $expression, returnByValue => JSON::PP::true, awaitPromise => JSON::PP::true });
	die "$expression: " . $json->encode($result->{exceptionDetails}) . "\n" if $result->{exceptionDetails};
	return $result->{result}{value};
}

# key NAME, CODE: pressed and let go
sub key
{
	my ($self, $name, $code) = @_;
	$self->command('Input.dispatchKeyEvent', { type => $_, key => $name, windowsVirtualKeyCode => $code }) for qw(keyDown keyUp);
	return;
}

# picture FILE: of the whole page, as PNG
sub picture
{
	my ($self, $file) = @_;
	my $size = $self->command('Page.getLayoutMetrics')->{cssContentSize};
	my $shot = $self->command('Page.captureScreenshot', { format => 'png', captureBeyondViewport => JSON::PP::true,
		clip => { x => 0, y => 0, width => $size->{width}, height => $size->{height}, scale => 1 } });
	open(my $out, '>:raw', $file) or die "$file: $!\n";
	print $out decode_base64($shot->{data});
	close $out or die "$file: $!\n";
	return;
}

sub stop
{
	my ($self) = @_;
	delete $self->{session};
	eval { $self->command('Browser.close') };
	waitpid $self->{pid}, 0;
	return $? >> 8;
}

1;
