# What a responder answers is never shown, in no log and on no page: only that it
# answered, with which HTTP status and which Content-Type.  And there is no page
# that was not opened.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use IO::Socket::INET;
use POSIX ();
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Process qw(free_port);
use Staple::Responder;
use Staple::Server;
use Staple::Status;

my $secret = 'SeCrEt';    # in all that the answers say
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);

# Something else than a responder: it greets whoever connects, as SSH does.
my $port = free_port();
my $banner = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port,
                                   ReuseAddr => 1, Listen => 20)
    or die "port $port: $!\n";
my $parent = $$;
my $child = fork // die "fork: $!\n";
if (!$child) {
    alarm 0;
    while (getppid() == $parent) {
        my $bits = '';
        vec($bits, fileno $banner, 1) = 1;
        next if !select $bits, undef, undef, 0.1;
        my $socket = $banner->accept or next;
        print {$socket} "SSH-2.0-$secret\r\n";
    }
    POSIX::_exit(0);
}
close $banner;

# What each responder does, and what the log says of it.
my %rows = (
    page     => ['html'],
    redirect => ['http=302', location => "http://127.0.0.1:9/$secret"],
    denied   => ['http=403', header => "WWW-Authenticate: Basic realm=$secret"],
    typed    => ['good', type => 'application/json', header => "Etag: $secret"],
    unsigned => ['good', flip => 'signature', header => "Server: $secret"],
    banner   => [],
);
my %says = (page => qr/\(text\/html\)/, redirect => qr/HTTP 302/,
            denied => qr/HTTP 403/, typed => qr/\(application\/json\)/,
            unsigned => qr/signature of the response is wrong/,
            banner => qr/HTTP\/0\.9|Invalid status line|connection broke/);

for my $name (grep { $_ ne 'banner' } keys %rows) {
    my ($action, %keys) = @{ $rows{$name} };

    $keys{header} //= "X-Word: $secret";
    $responder->add('*', $action, path => "/$name/", %keys);
}

plan tests => 5 + keys %rows;

my @certs = map {
    my $url = $_ eq 'banner' ? "http://127.0.0.1:$port/"
            :                  $responder->url("/$_/");
    $pki->cert("$_.example", url => $url);
} sort keys %rows;
my $events = Staple::Events->new;
my $page = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)], log_level => 'ocspstaple:trace8',
    lines => $events->lines . "OCSPStapleLogExclude none\n",
    vhosts => [status_vhost($page), Staple::Server->stapled(@certs)])->start;

for my $name (sort keys %rows) {
    ok($server->wait_log(qr/CN=\Q$name\E\.example[^\n]*$says{$name}/, 15),
       "$name: the log says what is wrong")
        or diag(join "\n", $server->log_lines(qr/CN=\Q$name\E\.example/));
}
ok($events->wait_for(15, name => 'page.example'), 'there are events');

my %shown = (
    'error log' => $server->error_log,
    'event log' => read_file($events->log) // '',
    map { $_ => (status_get($page, $_))[2] }
        qw(/ /?format=json /?format=prometheus /server-status),
);
is(join(' ', grep { length $shown{$_} < 100 } sort keys %shown), '',
   'there is something everywhere');
is(join(' ', grep {
    $shown{$_} =~ /\Q$secret\E|This is no OCSP response/ } sort keys %shown), '',
   'nothing of what they said is in it');

# ---- pages ----

my $https = 'page.example:' . $server->port;
my @got = map {
    scalar capture(['curl', '-sS', '--noproxy', '*', '--insecure',
                    '-o', '/dev/null', '-w', '%{http_code}',
                    '--resolve', "$https:127.0.0.1", "https://$https$_"])
} qw(/ocspstaple-status /ocspstaple-status?format=json /server-status);
is("@got", '404 404 404', 'a server shows none that it was not told to');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
kill 'TERM', $child;
