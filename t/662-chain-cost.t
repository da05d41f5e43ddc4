# What OCSPStapleChain costs: bytes on the wire, and httpd's processor time for a
# handshake with it against one without, turn by turn in one run.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use POSIX ();
use Staple::Test;
use Staple::Chain;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 8, need { Staple::Chain::missing() => Staple::Chain::can_chain() };

my $pki = Staple::PKI->new(dir => new_dir('pki'), key => 'rsa');
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my $top = $pki->cert('top', ca => 1, issuer => 'root', url => $url);
my $low = $pki->cert('low', ca => 1, issuer => $top, url => $url);
my @certs = map { $pki->cert("$_.example", issuer => $low, url => $url,
                             key => 'ec') } qw(one chain);
my @vhosts = Staple::Server->stapled(@certs);
$vhosts[1]{lines} .= "OCSPStapleChain On\n";
my $server = Staple::Server->new(
    lines => 'OCSPStapleChainFile ' . $pki->ca_file . "\n",
    vhosts => \@vhosts)->start;

ok(wait_until(sub {
    my @all = staple($server, 'chain.example')->{text} =~ /Cert Status: good/g;
    return @all == 3;
}, 15), 'three responses');
ok(wait_all_stapled($server, ['one.example']), 'and one');

# ---- bytes ----

my %bytes = map {
    my ($read) = staple($server, $_)->{text} =~ /handshake has read (\d+) bytes/;
    ($_ => $read);
} qw(one.example chain.example);
my %long = map { $_->{name} => handshakes($server, [$_->{name}])->{rows}[0]{length} }
    @certs;
my $more = $bytes{'chain.example'} - $bytes{'one.example'};
diag("bytes that the server sends: $bytes{'one.example'}, with two issuers' "
     . "responses $bytes{'chain.example'}: $more more; the server's own has "
     . $long{'one.example'});
cmp_ok($more, '>', 500, 'two responses more');
cmp_ok($more, '<', 4000, 'and not more than that');
cmp_ok($bytes{'chain.example'}, '<', 10 * 1460,
       'the initial congestion window has room for all of it');

# ---- processor time ----

# Of all processes of httpd, in clock ticks.
sub ticks {
    my $ticks = 0;

    for my $pid ($server->child_pids) {
        my $stat = read_file("/proc/$pid/stat") // next;
        my @fields = split ' ', $stat =~ s/^.*\) //sr;
        $ticks += $fields[11] + $fields[12];
    }
    return $ticks;
}

my $count = $ENV{STAPLE_HANDSHAKES} // 500;
my (%ticks, @ratios);
my $failed = 0;
for my $round (1 .. 6) {
    my %now;
    for my $name ($round % 2 ? qw(one.example chain.example)
                             : qw(chain.example one.example)) {
        my $before = ticks();
        my $many = handshakes($server, [$name], tls => '1.3', count => $count,
                              quiet => 1);
        $failed += $count - $many->{stapled};
        $now{$name} = ticks() - $before;
        $ticks{$name} += $now{$name};
    }
    push @ratios, $now{'chain.example'} / ($now{'one.example'} || 1);
}
my $per = 1e6 / POSIX::sysconf(POSIX::_SC_CLK_TCK()) / (6 * $count);
@ratios = sort { $a <=> $b } @ratios;
diag(sprintf "processor time of httpd for a handshake: %.0f us, with the chain "
     . '%.0f us; ratio of each of six rounds: %s',
     $ticks{'one.example'} * $per, $ticks{'chain.example'} * $per,
     join ' ', map { sprintf '%.2f', $_ } @ratios);
is($failed, 0, 'every handshake was stapled');
cmp_ok($ratios[2], '<', 2, 'processor time: less than twice that without');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
