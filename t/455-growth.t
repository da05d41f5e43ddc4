# Refreshes by the hundred, good ones and failed ones, leave nothing behind in
# memory.  With STAPLE_MEMCHECK=1 httpd runs under valgrind's memcheck, a short
# time and one four times as long, and what it lost is compared.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::PKI;
use Staple::Process qw(private_memory scale);
use Staple::Responder;
use Staple::Server;

my $memcheck = $ENV{STAPLE_MEMCHECK};
plan tests => $memcheck ? 2 * 3 + 3 : 3,
     need { 'no valgrind' => !$memcheck || have_tool('valgrind') };

my $logs = new_dir('memcheck');
chmod 01777, $logs; # the children write there, too
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = map { $pki->certs($_->[1], prefix => $_->[0], same_key => 1,
                              url => $responder->url("/$_->[0]/")) }
    ['good', $memcheck ? 20 : 300], ['forged', 10], ['down', 5];
my $server = Staple::Server->new(
    lines => "OCSPStapleRetryInterval 1\nOCSPStapleMaxTries 10000\n"
             . "OCSPStapleEventLog events.log\n",
    vhosts => [map { { name => $_->{name}, certs => [$_],
                       lines => "OCSPStaple On\n" } } @certs]);

# As short-lived as they are, they are always asked for again.
$responder->set_all(['*', 'good', next => 3],
                    ['*', 'good', path => '/forged/', signer => 'other-ocsp'],
                    ['*', 'http=500', path => '/down/']);
alarm scale(150);

sub wait_requests {
    my ($count) = @_;

    return $responder->wait_for(sub { $responder->count >= $count }, 60);
}

if (!$memcheck) {
    $server->start;
    my $pid = $server->refresher_pid;

    ok(wait_requests(2 * @certs), 'everything was asked for twice');
    my $before = private_memory($pid);
    ok(wait_requests(3 * @certs), 'and once again');
    my $grown = private_memory($pid) - $before;
  SKIP: {
        skip 'a sanitizer keeps what was freed', 1 if $ENV{STAPLE_SANITIZED};
        cmp_ok($grown, '<', 256, "memory has grown by $grown kB of $before");
    }
    exit;
}

# What memcheck says at the end of the refresher's process after that many
# requests: { definitely, indirectly, possibly, reachable }, in bytes.
sub lost_after {
    my ($count) = @_;
    local $ENV{STAPLE_WRAP} = 'valgrind --leak-check=full'
        . ' --show-leak-kinds=definite --errors-for-leak-kinds=none'
        . " --suppressions=$ENV{top_srcdir}/t/httpd.supp --log-file=$logs/%p";

    $responder->clear_log;
    $server->mark->start;
    ok(wait_requests($count), "$count requests");
    my $pid = $server->refresher_pid;
    ok(defined $server->stop, 'httpd ends');
    is(join("\n", map { read_file($_) =~ /(ERROR SUMMARY: [1-9].*)/ ? "$_: $1"
                                                                    : () }
                  glob "$logs/*"), '', 'without an error');
    my %lost = map { tr/,//dr }
        (read_file("$logs/$pid") // '') =~ /(\w+)(?: lost)?: ([\d,]+) bytes in/g;

    diag("after $count requests: ",
         join ', ', map { "$_ " . ($lost{$_} // '?') }
             qw(definitely indirectly possibly reachable));
    return \%lost;
}

my $short = lost_after(4 * @certs);
my $long = lost_after(16 * @certs);
is(join(' ', map { @$_{qw(definitely indirectly)} } $short, $long), '0 0 0 0',
   'nothing is lost');
cmp_ok($long->{possibly}, '<=', $short->{possibly},
       'no more may be lost after four times as many');
cmp_ok($long->{reachable} - $short->{reachable}, '<', 4096,
       'nor is more still there');
