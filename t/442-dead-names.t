# Many certificates whose responders' names do not resolve, or whose name server
# never answers, cost those with a living responder little, and few threads.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Socket qw(inet_aton);
use Staple::Test;
use Staple::Client;
use Staple::NameServer;
use Staple::PKI;
use Staple::Process qw(scale);
use Staple::Responder;
use Staple::Server;

# STAPLE_NEIGHBOURS=1000 is what SECURITY.md promises; fewer take less time.
my $dead = $ENV{STAPLE_NEIGHBOURS} || 100;
my $live = 20;
my $names = Staple::NameServer->new(options => 'timeout:5 attempts:2');

plan tests => 9, need { 'no port 53, or no mount namespace' => $names };
alarm scale(150 + $dead);

# A query that is not answered lasts ten seconds, as is usual.
$names->serve(sub {
    my ($name, $type) = @_;

    return if $name =~ /^silent/;
    return (0, $name ne 'live.example' ? undef
             : $type == 1             ? [inet_aton('127.0.0.1')] : []);
});

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = 'http://live.example:' . $responder->port . '/';
my @certs = $pki->certs($dead + $live, prefix => 'c', url => $url,
                        same_key => 1);
my @healthy = map { $_->{name} } @certs[$dead .. $#certs];
my $server = Staple::Server->new;

sub threads {
    my $pid = $server->refresher_pid or return 0;

    return (read_file("/proc/$pid/status") // '') =~ /^Threads:\s*(\d+)/m
        ? $1 : 0;
}

# Has every silent name had its first turn?
sub has_turned {
    my %seen = map { /(silent\d+)/ ? ($1 => 1) : () }
        $server->log_lines(qr/no answer within|did not answer/, since => 1);

    return keys %seen >= $dead;
}

for my $row (['no', 3], ['silent', 30]) {
    my ($kind, $within) = @$row;

    $server->reconfigure(
        lines => "OCSPStaple On\n", vhosts => [map { my $i = $_; {
            name => $certs[$i]{name}, certs => [$certs[$i]],
            lines => $i >= $dead ? ''
                   : "OCSPStapleResponder http://$kind$i.example/\n"
                     . "OCSPStapleResponderAction override\n",
        } } 0 .. $#certs]);
    $responder->clear_log;
    $server->mark->start(timeout => 60 + $dead / 10);
    my $most = 0;
    wait_until(sub {
        my $threads = threads();
        $most = $threads if $threads > $most;
        return $responder->count >= $live
            && ($kind ne 'silent' || has_turned());
    }, 60, 0.2);
    my @asked = $responder->requests;
    my $began = $server->seconds_of(qr/refresher of \d+ cert/, since => 1);
    my $took = @asked ? $asked[-1]{time} - ($began // 0) : -1;
    diag(sprintf '%s: %d of %d asked about, the last after %.2f s, %d threads',
         $kind, scalar @asked, $live, $took, $most);
    cmp_ok($took, '<', scale($within), "$kind: within $within s");
    ok(wait_all_stapled($server, \@healthy, within => 20),
       "$kind: all healthy ones are stapled");
    my $stopped = $server->stop;
    ok(defined $stopped && $stopped < scale(3), "$kind: httpd ends at once");
    is(join("\n", $server->bad_lines), '', "$kind: nothing bad in the log");
    unlink glob $server->root . '/store/*';
    # Those of httpd, of the exchanges in flight, and of those given up.
    cmp_ok($most, '<', 100 + 64 + 448, "$kind: threads are bounded")
        if $kind eq 'silent';
}
