# every MPM
# Graceful restarts while states change: each change is told once, by lines
# that are whole, whoever refreshes at the time.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 6;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $events = Staple::Events->new;
my @certs = $pki->certs(40, prefix => 'c', same_key => 1,
                        url => $responder->url);
my @names = map { $_->{name} } @certs;
my $server = Staple::Server->new(
    lines => $events->lines,
    vhosts => [Staple::Server->stapled(@certs)]);

# Asked about every few seconds.
$responder->set('*', 'good', next => 10);
$server->start;
ok(wait_all_stapled($server, \@names), 'all are good');
is_deeply([$events->all], [], 'that is no event');

# Half of them change before a restart and half after it, to and fro.
sub change {
    my ($to, @changed) = @_;

    $responder->set_all(
        map { my $name = $_;
              [$name, (grep { $_ eq $name } @changed) == ($to eq 'revoked')
                   ? ('revoked', time => -60) : 'good', next => 10] } @names);
}

# Changes of state; on a slow machine a response may also end soon.
sub changes {
    return grep { !/^(?:ending-soon|stale)$/ } $events->names(name => $_[0]);
}

for my $to (qw(revoked good)) {
    change($to, @names[0 .. 19]);
    $server->graceful;
    change($to, @names);
    wait_until(sub { !grep { ((changes($_))[-1] // '') ne $to } @names }, 25);
}

my %history = map { $_ => join ' ', changes($_) } @names;
is((grep { $history{$_} ne 'revoked good' } @names), 0,
   'each change of each is told once')
    or diag(map { "$_: $history{$_}\n" } @names);
my @all = grep { $_->{event} =~ /^(?:revoked|good)$/ } $events->all;
is((grep { $_->{event} ne $_->{state} } @all), 0, 'each is named by its state');
is((grep { $_->{previous_state} ne
           ($_->{event} eq 'good' ? 'revoked' : 'good') } @all), 0,
   'and says what was before');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
