# When a responder is asked again: by its own log, with short times.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(time);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(scale);
use Staple::Responder;
use Staple::Server;

plan tests => 13;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my @names = qw(short tries later slow cached);
# Each has a responder of its own, as far as the module can tell.
my $responder = Staple::Responder->new(pki => $pki);
my %cert = map { $_ => $pki->cert("$_.example",
                                  url => $responder->url("/$_/")) } @names;
my %lines = (
    short => '',
    tries => "OCSPStapleMaxTries 3\nOCSPStapleRetryInterval 2\n",
    later => "OCSPStapleMaxTries 3\nOCSPStapleRetryInterval 1\n"
           . "OCSPStapleMethod post\n",
    slow  => "OCSPStapleTimeout 1\nOCSPStapleRetryInterval 1h\n"
           . 'OCSPStapleResponder ' . $responder->url('/slower/') . "\n",
    cached => '',
);
$responder->set_all(
    ['short.example', 'good', next => 20],
    ['tries.example', 'http=404'],
    ['later.example', 'http=503', 'retry-after' => 4],
    ['slow.example', 'hang'],
    ['cached.example', 'good', next => 20,
     header => 'Cache-Control: max-age=86400']);
my $server = Staple::Server->new(vhosts => [
    map { { name => "$_.example", certs => [$cert{$_}],
            lines => "OCSPStaple On\nOCSPStapleInterval 1d\n$lines{$_}" } }
        @names])->start;

sub times_of {
    my ($name, %more) = @_;

    return map { $_->{time} }
        grep { $_->{name} eq "$name.example"
               && (!$more{method} || $_->{method} eq $more{method}) }
        $responder->requests;
}

sub gaps {
    my @times = @_;

    return map { $times[$_] - $times[$_ - 1] } 1 .. $#times;
}

# Sooner than that is never right; later is, on a slow machine.
sub all_within {
    my ($least, $most, @gaps) = @_;

    diag("gaps: @gaps") if grep { $_ < $least || $_ > $most } @gaps;
    return @gaps && !grep { $_ < $least || $_ > $most } @gaps;
}

ok(wait_until(sub { times_of('tries', method => 'POST') >= 3 }, 20),
   'MaxTries 3, RetryInterval 2: three jobs');
my $third = time;
ok(all_within(1.9, scale(2.2 + 3), gaps(times_of('tries', method => 'POST'))),
   'MaxTries 3, RetryInterval 2: about 2 s apart');

ok(wait_until(sub { times_of('later') >= 2 }, 20),
   'Retry-After: asked again');
ok(all_within(3.9, scale(4 + 4), (gaps(times_of('later')))[0]),
   'Retry-After 4 s is honoured, where the retry interval is 1 s');

ok(wait_until(sub { times_of('slow') >= 2 }, 10),
   'Timeout 1: after a responder that is silent the next one is asked');
ok(all_within(0.9, scale(1 + 3), (gaps(times_of('slow')))[0]),
   'Timeout 1: after a second');
is(times_of('slow', method => 'GET'), 0, 'and none by another method');

ok(wait_until(sub { times_of('short') >= 2 && times_of('cached') >= 2 }, 20),
   'interval a day, a life of 20 s: asked again');
# Responses say whole seconds.
ok(all_within(7.9, scale(10 + 3), (gaps(times_of('short')))[0]),
   'a life of 20 s: when half of it is over');
ok(all_within(7.9, scale(10 + 3), (gaps(times_of('cached')))[0]),
   'Cache-Control: max-age of a day makes it no later than that');
ok(staple($server, 'short.example')->{sent}, 'stapled all the time');

wait_until(sub { time - $third > 6 }, 10);
is(times_of('tries', method => 'POST'), 3,
   'MaxTries 3: then none until the interval');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
