# every MPM
# What was known of responders survives httpd in the store: who is down is not
# asked again by everybody, and told once; the file is trusted with nothing.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 21;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my ($good, $bad) = map { Staple::Responder->new(pki => $pki) } 1 .. 2;
my $events = Staple::Events->new;
my @certs = ($pki->cert('good.example', url => $good->url),
             $pki->certs(9, prefix => 'bad', url => $bad->url, same_key => 1));
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    lines => $events->lines . "OCSPStapleTimeout 2\n",
    modules => [qw(authz_host status)],
    vhosts => [status_vhost($port), Staple::Server->stapled(@certs)]);
my $file = $server->root . '/store/responders';

sub responder_events {
    return map { "$_->{event} $_->{responder}" }
           grep { !$_->{certificate} } $events->all;
}

sub is_shown_down {
    my ($status) = @_;

    return grep { $_->{url} eq $bad->url && $_->{state} eq 'down'
                  && !$_->{healthy} } @{ $status->{responders} };
}

# The origin, as it is told where the whole server fails.
my ($origin) = $bad->url =~ m{^(http://[^/]+)};

$bad->set('*', 'hang');
$server->start;
ok($events->wait_for(20, event => 'responder-down', responder => $origin),
   'a server that hangs is down: told by scheme, host and port');
ok(wait_status($port, sub { is_shown_down($_) }),
   'the status shows it at its URL');
$server->stop;
ok(-s $file, 'httpd has ended: the file is there');
is(sprintf('%04o', (stat _)[2] & oct '7777'), '0600',
   'for its owner alone');

# ---- after a restart ----

$bad->clear_log;
$good->clear_log;
$server->mark->start;
ok(wait_status($port, sub { is_shown_down($_) }),
   'another httpd: it is down from the start');
is_deeply([responder_events()], ["responder-down $origin"],
          'which is not told again');
cmp_ok($bad->count, '<=', 2, 'nor found out again: ' . $bad->count
                             . ' requests, which are probes');
is($good->count, 0, 'who has a staple asks nobody');
$bad->set('*', 'good', next => 3600);
ok($events->wait_for(60, event => 'responder-up', responder => $origin),
   'its return is told');
ok(wait_all_stapled($server, [map { $_->{name} } @certs], within => 15),
   'it returns for all');
is_deeply([responder_events()],
          ["responder-down $origin", "responder-up $origin"], 'once');
$server->stop;

# ---- a file that is no good ----

my $whole = read_file($file);
my %damaged = (
    'cut off'         => sub { write_file($file, substr $whole, 0, -1) },
    'of other bytes'  => sub { write_file($file, 'junk' x 1000) },
    'with a bit off'  => sub {
        write_file($file, $whole ^ "\0" x 30 . "\1" . "\0" x (length($whole)
                                                             - 31));
    },
    'of anybody'      => sub { write_file($file, $whole); chmod 0666, $file },
);

for my $how (sort keys %damaged) {
    unlink $file;
    $damaged{$how}->();
    $server->mark->start;
    ok($server->wait_log(qr/warn.*OST0120: .*"responders" is not used/, 10,
                         since => 1), "$how: is not used");
    ok(wait_staple($server, 'good.example'), "$how: all else is as it was");
    $server->stop;
}
unlink $file;
mkdir $file;
$server->mark->start;
ok($server->wait_log(qr/OST0120/, 10, since => 1), 'a directory, neither');
$server->stop;
rmdir $file;
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
