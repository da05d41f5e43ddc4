# A certificate is revoked: stapled, told, logged, and the command run once.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 39;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $events = Staple::Events->new;
my @names = qw(quiet.example loud.example);
my %cert = map { $_ => $pki->cert($_, url => $responder->url) } @names;
my $command = $events->program('command', <<'END');
cat >> $dir/stdin
echo "$OCSP_STAPLE_EVENT $OCSP_STAPLE_SUBJECT" >> $dir/runs
END
my %lines = ('quiet.example' => '',
             'loud.example' => "OCSPStapleLogExclude -revoked\n");

$responder->set('*', 'good', next => 10);
my $server = Staple::Server->new(
    lines => $events->lines . "OCSPStapleEventCommand $command an \"argument\""
             . "\n",
    vhosts => [map { { name => $_, certs => [$cert{$_}],
                       aliases => ["www.$_"],
                       lines => "OCSPStaple On\n$lines{$_}" } } @names]);
$server->start;

is(wait_staple($server, $_)->{cert_status}, 'good', "$_: good at first")
    for @names;
is_deeply([$events->all], [], 'the first good is not an event');
ok($server->wait_log(qr/2 of 2 certificates are good, \d+\.\d s after/, 5),
   'but one line sums up');

$responder->set('*', 'revoked', next => 600, time => -60,
                reason => 'keyCompromise');
for my $name (@names) {
    my $is_loud = $name eq 'loud.example';
    my $result = wait_staple($server, $name, within => 15,
                             until => sub { $_[0]{cert_status} eq 'revoked' });

    is($result->{cert_status}, 'revoked', "$name: revoked is stapled");
    my $event = $events->wait_for(5, event => 'revoked', name => $name);
    ok($event, "$name: an event");
    like($event->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
         "$name: its time");
    is($event->{significant} ? 1 : 0, $is_loud ? 1 : 0,
       "$name: its significance");
    ok(JSON::PP::is_bool($event->{significant}), "$name: which is a boolean");
    is($event->{state}, 'revoked', "$name: its state");
    is($event->{previous_state}, 'good', "$name: its previous state");
    is($event->{certificate}{serial}, uc $cert{$name}{serial},
       "$name: its serial");
    my ($digest) = capture(['openssl', 'x509', '-in', $cert{$name}{leaf},
                            '-noout', '-fingerprint', '-sha256'])
        =~ /=(.*)/;
    is($event->{certificate}{sha256}, lc($digest =~ tr/://dr),
       "$name: its SHA-256");
    like($event->{issuer}, qr/CN=Test CA/, "$name: its issuer");
    is_deeply($event->{servers}, [$name], "$name: its servers");
    is($event->{responder}, $responder->url, "$name: its responder");
    is($event->{revocation_reason}, 'keyCompromise', "$name: the reason");
    like($event->{revocation_time}, qr/^\d{4}-\d\d-\d\dT[\d:]{8}Z$/,
         "$name: when");
    my $level = $is_loud ? 'error' : 'info';
    my @lines = $server->log_lines(qr/OST0071.*"CN=\Q$name\E"/);
    is(@lines, 1, "$name: one line in the error log");
    like($lines[0] // '', qr/:$level\].*\Q$name\E.*revoked.*keyCompromise/,
         "$name: at level $level");
}

ok(wait_until(sub { (read_file($events->dir . '/runs') // '') =~ /\n/ }, 10),
   'the command is run');
is(read_file($events->dir . '/runs'), "revoked CN=loud.example\n",
   'once, for the one that is significant');
my ($told) = $events->all($events->dir . '/stdin');
is($told->{certificate}{subject}, 'CN=loud.example',
   'with the event on its standard input');
