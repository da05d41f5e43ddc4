# Many certificates with a dead responder each cost those with a living one
# little, however they are dead; and what was known is known after a restart.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use IO::Socket::INET ();
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(scale free_port);
use Staple::Responder;
use Staple::Server;

# STAPLE_NEIGHBOURS=1000 is what SECURITY.md promises; fewer take less time.
my $dead = $ENV{STAPLE_NEIGHBOURS} || 200;
my $live = 20;
my $timeout = 10;

plan tests => 19;
alarm scale(150 + $dead);

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs($dead + $live, prefix => 'c', url => $responder->url,
                        same_key => 1);
my @healthy = map { $_->{name} } @certs[$dead .. $#certs];
my $server = Staple::Server->new(modules => [qw(authz_host)]);

# Accepts whatever comes, at any address of this machine, and never answers.
my $silent = IO::Socket::INET->new(LocalAddr => '0.0.0.0', Listen => 4096)
    or die "listen: $!\n";
my ($silent_port, $closed_port) = ($silent->sockport, free_port);

# A loopback address of its own.
sub address {
    my ($i) = @_;

    return sprintf '127.%d.%d.%d', 77, $i / 250, 1 + $i % 250;
}

# The healthy ones come last in the configuration, then in the midst of it.
sub configure {
    my ($url, %opt) = @_;
    my @vhosts = map { my $i = $_; {
        name => $certs[$i]{name}, certs => [$certs[$i]],
        lines => $i >= $dead || $opt{healthy}{$i} ? ''
               : 'OCSPStapleResponder ' . $url->($i)
                 . "\nOCSPStapleResponderAction override\n",
    } } 0 .. $#certs;

    @vhosts = (@vhosts[$dead / 2 .. $#vhosts], @vhosts[0 .. $dead / 2 - 1])
        if $opt{turned};
    $server->reconfigure(lines => "OCSPStaple On\nOCSPStapleTimeout $timeout\n"
                                . ($opt{lines} // ''), vhosts => \@vhosts);
    return;
}

# Starts httpd; how long after that the last healthy one was asked about.
sub run {
    my ($what, $count) = @_;
    $responder->clear_log;
    $server->mark->start(timeout => 60 + $dead / 10);
    wait_until(sub { $responder->count >= $count }, 60, 0.1);
    my @asked = $responder->requests;
    my $began = $server->seconds_of(qr/refresher of \d+ cert/, since => 1);
    my $took = @asked ? $asked[-1]{time} - ($began // 0) : -1;
    diag(sprintf '%s: %d of %d asked about, the last after %.2f s', $what,
         scalar @asked, $count, $took);
    ok(wait_all_stapled($server, \@healthy, within => 20),
       "$what: all healthy ones are stapled");
    return $took;
}

sub forget {
    my ($pattern) = @_;
    my $store = $server->root . '/store';

    unlink grep { m{/$pattern$} } glob "$store/*";
    return;
}

my %ways = (
    'one host and port, silent'
        => [sub { "http://127.0.0.1:$silent_port/$_[0]/" }, 3],
    'hosts that refuse'
        => [sub { 'http://' . address($_[0]) . ":$closed_port/" }, 3],
    'hosts that are silent'
        => [sub { 'http://' . address($_[0]) . ":$silent_port/" }, 30],
);
my $turned = 0;

for my $what (sort keys %ways) {
    my ($url, $within) = @{ $ways{$what} };

    configure($url, turned => $turned ^= 1, lines => "OCSPStapleStore none\n");
    cmp_ok(run($what, $live), '<', scale($within), "$what: within $within s");
    $server->stop;
    is(join("\n", $server->bad_lines), '', "$what: nothing bad in the log");
}

# ---- proven before a restart ----

my ($silent_hosts) = @{ $ways{'hosts that are silent'} };
configure($silent_hosts);
run('before a restart', $live);
ok(wait_until(sub { -s $server->root . '/store/responders' }, 10),
   'what is known of responders is stored');
$server->stop;
forget('[0-9a-f]{64}');
configure($silent_hosts, turned => 1);
my $took = run('after it', $live);
cmp_ok($took, '<', scale(3), 'proven before a restart: at once');
my @cut = $server->log_lines(qr/no answer within/, since => 1);
cmp_ok(scalar @cut, '<', $dead, 'while the dead are in their first round');

# ---- down before a restart ----

$server->stop;
forget('[0-9a-f]{64}');
configure($ways{'hosts that refuse'}[0]);
run('refused', $live);
ok($server->wait_log(qr/OST0042: responder http:\/\/127\.77\./, 60,
                     since => 1, count => $dead), 'each is found down');
$server->stop;
forget('[0-9a-f]{64}');
configure($ways{'hosts that refuse'}[0], turned => 1);
run('refused, and known', $live);
is(scalar(my @down = $server->log_lines(qr/OST0042/, since => 1)), 0,
   'after a restart that is known, and not told again');
$server->stop;
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
