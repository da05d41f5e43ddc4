# The five broken configurations of docs/troubleshooting.md: what the document
# shows of the error log is what it says, and the fix that it names works.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Docs;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 21;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $document = read_file("$ENV{top_srcdir}/docs/troubleshooting.md");

# The log lines that the section shows.
sub shown {
    my ($heading) = @_;
    my ($section) = $document =~ /^## \Q$heading\E\n(.*?)(?=^## |\z)/ms;

    return grep { /^OST/ } map { split /\n/, $_ } $section =~ /```text\n(.*?)```/gs;
}

# Each line that the document shows is in the error log; <words> in it stand for
# anything.
sub tells {
    my ($server, $heading) = @_;
    my @lines = shown($heading);

    ok(@lines, "$heading: the document shows lines");
    for my $line (@lines) {
        my $pattern = quotemeta($line) =~ s/\\<[a-z\\ ]+\\>/.*/gr;

        ok($server->wait_log(qr/$pattern/, 15), "$heading: $line");
    }
}

sub server {
    my ($cert, %more) = @_;

    return Staple::Server->new(
        lines => delete $more{lines} // '',
        vhosts => [{ name => $cert->{name}, certs => [$cert],
                     lines => "OCSPStaple On\n" }], %more);
}

sub heals {
    my ($server, $what) = @_;
    my ($vhost) = $server->{vhosts}[0];

    is(wait_staple($server, $vhost->{name}, within => 20)->{cert_status},
       'good', "$what: stapled after the fix");
}

# The clock is a day slow, which is a response that is of tomorrow.  Begun first,
# as its second try takes some seconds to come.
my $responder = Staple::Responder->new(pki => $pki);
my $slow = server($pki->cert('clock.example', url => $responder->url));
$responder->set('clock.example', 'good', this => 86400, next => 172800);
$slow->start;

# The responder is not reachable, and then it is.
{
    my $port = Staple::Process::free_port();
    my $cert = $pki->cert('far.example', url => "http://127.0.0.1:$port/");
    my $server = server($cert)->start;

    tells($server, 'The responder cannot be reached');
    tells($slow, 'The clock is wrong');
    $responder->set('clock.example', 'good', next => 3600);
    my $far = Staple::Responder->new(pki => $pki, port => $port);
    heals($server, 'responder unreachable');
    heals($slow, 'clock wrong');
    $_->stop for $server, $slow;
}

# The file has the certificate alone, and then its issuer, too.
{
    my $cert = $pki->cert('alone.example', url => $responder->url);
    my $server = server({ %$cert, chain => $cert->{leaf} })->start;

    tells($server, 'The issuer is missing');
    $server->reconfigure(vhosts => [{ name => 'alone.example',
                                      certs => [$cert],
                                      lines => "OCSPStaple On\n" }]);
    $server->graceful;
    heals($server, 'issuer missing');
    $server->stop;
}

# The store is somebody else's; then it is User's.
SKIP: {
    skip 'only root can give a directory away', 4 if $> != 0;
    my $cert = $pki->cert('stored.example', url => $responder->url);
    my $store = new_dir('theirs') . '/store';
    my $server = server($cert, lines => "OCSPStapleStore $store\n");

    mkdir $store, 0700 or die "$store: $!\n";
    write_file("$store/theirs", "something\n");
    $server->start;
    tells($server, 'The store cannot be written');
    unlink "$store/theirs";
    chown +(getpwnam 'www-data')[2, 3], $store;
    $server->graceful;
    heals($server, 'store not writable');
    ok(wait_until(sub { my @files = glob "$store/????????????????*"; @files },
                  15), 'store not writable: a file is there after the fix');
    $server->stop;
}

# After the last try there is a day of silence; without what was stored there is
# none.
{
    my $cert = $pki->cert('silent.example', url => $responder->url);
    my $server = server($cert, lines => "OCSPStapleMaxTries 1\n");

    $responder->set('silent.example', 'unauthorized');
    $server->start;
    ok($server->wait_log(qr/OST0041:.*silent.*next try in (?:7|8)\d{4} s/, 15),
       'make it ask now: a day of silence');
    $responder->set('silent.example', 'good', next => 3600);
    my $asked = $responder->count(name => 'silent.example');
    $server->graceful;
    $server->wait_log(qr/refresher of/, 15, count => 2);
    staple($server, 'silent.example');
    is($responder->count(name => 'silent.example'), $asked,
       'make it ask now: a graceful restart does not ask');
    $server->stop;
    unlink glob $server->root . '/store/*';
    $server->start;
    heals($server, 'make it ask now');
    $server->stop;
}

# mod_watchdog is missing.
SKIP: {
    skip 'mod_watchdog is linked into this httpd', 3
        if Staple::Server::is_static('watchdog');
    my $cert = $pki->cert('dog.example', url => $responder->url);
    my $server = server($cert, without => ['watchdog']);

    ok(!$server->try_start, 'without mod_watchdog httpd does not start');
    tells($server, 'mod_watchdog is missing');
    $server->reconfigure(without => []);
    $server->start;
    heals($server, 'mod_watchdog missing');
}
