# OCSPStapleEventLog: files and programs, restarts, and what goes wrong.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 24;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $events = Staple::Events->new;
my $dir = $events->dir;
my $forget = "OCSPStapleStore none\n"; # each start is a new one
my @certs = $pki->certs(20, prefix => 'c', url => $responder->url,
                        same_key => 1);
# The first one's certificate is that of very many servers.
my @many = map { { name => sprintf('%s-%03d.example', 'n' x 40, $_),
                   certs => [$certs[0]], lines => "OCSPStaple On\n" } }
               1 .. 120;
my @vhosts = Staple::Server->stapled(@certs);
# Two of them have one name, at two ports.
my $again = { %{ $vhosts[0] }, port => Staple::Server->another_port };
my $server = Staple::Server->new(lines => $events->lines,
                                 vhosts => [@vhosts, @many, $again]);

# ---- a file ----

$responder->set('*', 'revoked', next => 3600, time => -60);
$server->start;
ok(wait_until(sub { $events->matching(event => 'revoked') == 20 }, 15),
   'one line for each certificate');
is(scalar $events->all, 20, 'and no other');
my $text = read_file($events->log);
is((sort { $b <=> $a } map { length "$_\n" } split /\n/, $text)[0] <= 4096
       ? 'short' : 'long', 'short', 'no line is longer than a pipe takes');
my ($shared) = $events->matching(name => $certs[0]{name});
is(@{ $shared->{servers} } + $shared->{servers_left_out}, 121,
   'servers that are left out are counted, each name once');
is($shared->{servers}[0], $certs[0]{name}, 'the first is named first');

# ---- as logs are rotated ----

rename $events->log, "$dir/old.log" or die $!;
$server->reconfigure(vhosts => \@vhosts);
$server->graceful;
ok(-e $events->log, 'a new file after a graceful restart');
ok($server->refresher_pid && wait_until(sub {
    $server->log_lines(qr/refresher of \d+ cert/) >= 2 }, 10),
   'the new generation refreshes');
is(wait_staple($server, $certs[5]{name})->{cert_status}, 'revoked',
   'and staples');
is_deeply([$events->all], [], 'what was told is not told again');
is($responder->count, 20, 'nor asked');

# ---- a program ----

my $piped = $events->program('piped', qq(exec cat >> "\$dir/piped.log"\n));
$server->stop;
$server->reconfigure(lines => $forget . qq(OCSPStapleEventLog "|$piped"\n))->start;
ok(wait_until(sub { $events->all("$dir/piped.log") == 20 }, 15),
   'a program gets the lines');

# It does not read: httpd goes on.
my $deaf = $events->program('deaf', "exec sleep 600\n");
my @more = $pki->certs(200, prefix => 'd', url => $responder->url,
                       same_key => 1);
$server->stop;
$server->reconfigure(lines => $forget . qq(OCSPStapleEventLog "|$deaf"\n),
                     vhosts => [Staple::Server->stapled(@certs, @more)])->start;
ok(wait_all_stapled($server, [map { $_->{name} } @certs, @more], within => 30),
   'a program that does not read stops nobody');
ok($server->wait_log(qr/:warn\].*OST0140: OCSPStapleEventLog \|\Q$deaf\E: its reader/,
                     10), 'and a line says that it does not');
my $took = $server->stop;
ok(defined $took && $took < 4, 'httpd ends meanwhile');
ok($server->log_lines(qr/:error\].*OST0142:.*: (?!0 )\d+ events were not written/),
   'and says how many events it lost');

# ---- what goes wrong ----

SKIP: {
    skip '/dev/full is not here', 3 if !-c '/dev/full';
    $server->reconfigure(lines => $forget . "OCSPStapleEventLog /dev/full\n",
                         vhosts => [$vhosts[0]])->start;
    ok($server->wait_log(qr/:error\].*No space left.*OST0062/, 10),
       'a full disk: logged at ERROR');
    is(wait_staple($server, $certs[0]{name})->{cert_status}, 'revoked',
       'and nothing else happens');
    $server->stop;
    is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
}

# What `httpd -t` says, and the start, too.
sub is_refused {
    my ($target, $what, $name) = @_;

    $server->reconfigure(lines => "OCSPStapleEventLog $target\n");
    like($server->configtest,
         qr/Syntax\ error.*OCSPStapleEventLog:\ \Q$target\E\ cannot\ be\ opened
            \ for\ appending\ \(\Q$what\E\)/sx, "$name: refused by -t");
}

is_refused("$dir/none/events.log",
           "directory $dir/none: No such file or directory",
           'a directory that is not there');
ok(!$server->try_start, 'nor does httpd start');
is_refused($dir, "file $dir: Is a directory", 'a directory');
is_refused("$dir/deaf/events.log", "file $dir/deaf/events.log: Not a directory",
           'a file as directory');
$server->reconfigure(lines => "OCSPStapleEventLog |\n");
like($server->configtest,
     qr/OCSPStapleEventLog: "\|" is not allowed: give a file/,
     'a program without a name is refused');
$server->reconfigure(lines => '', vhosts => [{
    %{ $vhosts[0] }, lines => "OCSPStaple On\nOCSPStapleEventLog x\n" }]);
like($server->configtest,
     qr/OCSPStapleEventLog cannot occur within <VirtualHost/,
     'it is for the main server only');
