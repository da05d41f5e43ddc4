# A dead responder costs those on a live one nothing, and returns for all.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(time);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

my $n = 500;
my $timeout = 6;

plan tests => 9;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $live = Staple::Responder->new(pki => $pki);
my $dead = Staple::Responder->new(pki => $pki);
my @dead = $pki->certs($n, prefix => 'dead', url => $dead->url, same_key => 1);
my @live = $pki->certs($n, prefix => 'live', url => $live->url, same_key => 1);
my @names = map { $_->{name} } @live;

$dead->set('*', 'hang');
my $server = Staple::Server->new(
    lines => "OCSPStaple On\nOCSPStapleTimeout $timeout\n"
           . "OCSPStapleMaxTries 1\n",
    vhosts => [map { { name => $_->{name}, certs => [$_] } } @dead, @live]);

alarm Staple::Process::scale(400); # a thousand hosts take their time to start
$server->start(timeout => 150);
ok(wait_until(sub { $live->count >= $n }, 30), 'all on the live one are asked');
my @asked = $live->requests;
my @hung = $dead->requests;
my $took = $asked[-1]{time} - $asked[0]{time};
diag(sprintf '%d on a live responder beside %d on a dead one: %.3f s', $n, $n,
     $took);
cmp_ok($took, '<', Staple::Process::scale(5),
       'in a moment: before any request to the dead one ran out');
ok(wait_all_stapled($server, \@names, within => 30), 'and all are stapled');
cmp_ok(@hung, '<=', 4, 'few had to find out that the other one is dead');

ok($server->wait_log(qr/responder.*(?:down|trouble|left alone)/i, 30),
   'the log says that it is down');
my $before = $dead->count;
# Of the first window, some ask by GET what they asked by POST.
cmp_ok($before, '<=', 10, "$n certificates made $before requests of it");

$dead->reset_rules;
ok(wait_until(sub { $dead->count >= $before + $n }, 60),
   'it returns for all, though all tries were used up');
ok(wait_all_stapled($server, [map { $_->{name} } @dead], within => 30),
   'and all are stapled');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
