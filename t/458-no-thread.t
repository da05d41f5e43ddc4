# Where no thread can be had for a burst of exchanges (RLIMIT_NPROC), the
# refresher does without: it staples, rests and stops as ever.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use List::Util qw(max);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(reap set_limit spawn wait_until);
use Staple::Responder;
use Staple::Server;

plan tests => 8, need {
    'no prlimit, or no setpriv' => have_tool('prlimit', 'setpriv') };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs(20, same_key => 1, url => $responder->url);
my @names = map { $_->{name} } @certs;
my $server = Staple::Server->new(
    vhosts => [map { { name => $_->{name}, certs => [$_],
                       lines => "OCSPStaple On\n" } } @certs]);

sub threads { return scalar @{ [glob "/proc/$_[0]/task/*"] } }

$responder->set('*', 'good', next => 86400, delay => 300);
$server->start;
my $pid = $server->refresher_pid;
ok(wait_all_stapled($server, \@names, within => 20), 'all are stapled');
my $threads = threads($pid);
ok(wait_until(sub { threads($pid) < $threads }, 20), 'the burst ends');
is(set_limit($pid, '--nproc=1:1'), '',
   'no thread more for the refreshing child');
$threads = threads($pid);
my @seen;
my $refresh = spawn([top_builddir() . '/ocspstaple', 'refresh', '--all',
                     '--store', $server->root . '/store'],
                    new_dir('out') . '/refresh');
ok($responder->wait_for(sub {
    push @seen, threads($pid);
    return $responder->count >= 2 * @certs;
}, 20), 'all are asked about once more');
is(reap($refresh, 30), 0, 'ocspstaple refresh has an answer');
is(max(@seen), $threads, 'by a thread that was there');
is($server->refresher_pid, $pid, 'in the same process');
ok(defined $server->stop, 'httpd stops');
