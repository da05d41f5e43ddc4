# Giving up: one line says so, raising the limit ends it, and so does a start.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Stored;

plan tests => 15;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $must = $pki->cert('must.example', url => $responder->url, must_staple => 1);
my $limit = "OCSPStapleRetryInterval 1\nOCSPStapleMethod post\n"
          . "OCSPStapleMaxTries 2\n";
my $server = Staple::Server->new(
    vhosts => [Staple::Server->stapled($cert, $must)], lines => $limit);
my $file = Staple::Stored->new($server, $cert);

sub asked { return $responder->count(name => $_[0] // 'a.example') }

$responder->set('*', 'http=404');
$server->start;
ok($server->wait_log(qr/OST0110/, 20), 'given up: a line');
is($server->log_lines(
       qr/:warn\].*OST0110:\ certificate\ "CN=a\.example"\ \(serial\ \w+\):
          \ 2\ jobs\ .*\ next\ request\ is\ in\ (?:7|8)\d{4}\ s;\ for\ one
          \ sooner\ set\ OCSPStapleMaxTries\ none/x),
   1, 'that says when the next request is, and what to do');
is($server->log_lines(qr/OST0110/), 1, 'one');
ok($server->wait_log(qr/OST0041:.*must\.example.*failed\ 2\ times\ in\ a\ row,
                        \ next\ try\ in\ (?:[12]\d\d|300)\ s/x, 20),
   'not of one that is must-staple: it is asked within five minutes');
my $count = asked();
is($count, 2, 'two tries');

# ---- a graceful restart, and one that raises the limit ----

$responder->set('*', 'good');
$server->graceful(wait => 1);
ok($server->wait_log(qr/refresher of/, 15, count => 2), 'a graceful restart');
staple($server, 'a.example');
is(asked(), $count, 'does not ask');
$server->reconfigure(lines => $limit =~ s/2$/none/mr)->graceful(wait => 1);
ok(wait_all_stapled($server, ['a.example'], within => 20),
   'one with a higher limit does');

# ---- a start ----

$responder->set('*', 'http=404');
$server->stop;
unlink glob $server->root . '/store/*';
$server->reconfigure(lines => $limit)->mark->start;
ok($server->wait_log(qr/OST0110/, 20, since => 1), 'given up again');
$server->stop;
is($file->record->{failures}, 2, 'and stored');
$responder->set('*', 'good');
$count = asked();
cmp_ok($file->record->{next_at}, '>', time + 3600, 'for a day');
$file->write(attempted_at => time - 600);
$server->start;
ok(wait_all_stapled($server, ['a.example'], within => 20),
   'a start asks at once');
is(asked(), $count + 1, 'once');
ok(wait_until(sub { $file->record->{failures} == 0 }, 20), 'and with success');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
