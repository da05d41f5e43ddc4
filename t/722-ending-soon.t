# ending-soon is told twice of a long life: when a quarter of it is left, and
# when an hour is.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Events;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Stored;

plan tests => 7;

my $hour = 3600;
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $events = Staple::Events->new;
my $cert = $pki->cert('a.example', url => $responder->url);
my $server = Staple::Server->new(
    lines => $events->lines . "OCSPStapleLogExclude -stale\n",
    vhosts => [{ name => 'a.example', certs => [$cert],
                 lines => "OCSPStaple On\n" }]);

# A response with little more than an hour left, and then, by its file, eight
# hours since it came.
$responder->set('*', 'good', this => -9 * $hour, next => $hour + 8);
$server->start;
ok(wait_until(sub { stored_files($server->root . '/store') }, 10),
   'a response is stored');
$server->stop;
is_deeply([$events->all], [], 'it is new: no event');
Staple::Stored->new($server, $cert)->write(succeeded_at => time - 8 * $hour);
$responder->stop;
$server->start;
my @told = wait_until(sub { my @all = $events->matching(event => 'ending-soon');
                            @all == 2 ? \@all : undef }, 20);
is_deeply([$events->names], ['ending-soon', 'ending-soon'],
          'told twice, and nothing else');
my ($quarter, $last) = @{ $told[0] || [{}, {}] };
is($last->{staple_ends}, $quarter->{staple_ends}, 'of the same staple');
my ($told_at, $ends) = map { /T(\d+):(\d+):(\d+)/ ? $1 * $hour + $2 * 60 + $3 : 0 }
    $last->{time} // '', $last->{staple_ends} // '';
my $left = ($ends - $told_at) % (24 * $hour);
ok($left <= $hour && $left > $hour - 60, 'the second time with an hour left')
    or diag($left);
is($server->log_lines(qr/:warn\].*OST0076/), 2,
   'and so in the error log, at WARNING where not excluded');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
