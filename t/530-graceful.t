# every MPM
# Graceful restarts under load: nobody ever misses a staple that is there, what
# is unchanged is not asked for again.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Stored;

plan tests => 13;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs(22, prefix => 'g', same_key => 1,
                        url => $responder->url);
my ($gone, $new) = splice @certs, -2;
my @names = map { $_->{name} } @certs;

sub vhosts {
    return [Staple::Server->stapled(@_)];
}

my $server = Staple::Server->new(vhosts => vhosts(@certs, $gone))->start;
my $store = $server->root . '/store';

ok(wait_all_stapled($server, [@names, $gone->{name}]),
   mpm() . ': all stapled');
ok(wait_until(sub { stored_files($store) == 21 }, 20), 'all stored');
my %inode = map { $_ => (stat)[1] } stored_files($store);

# ---- three times ----
my $end = start_handshakes($server, \@names, concurrency => 4);
my @between;
for (1 .. 3) {
    $server->graceful;
    push @between, handshakes($server, \@names, count => 8, concurrency => 4);
}

# ---- and once with another certificate ----
my $began = Time::HiRes::time();
$responder->add($new->{name}, 'good', delay => 300);
$server->reconfigure(vhosts => vhosts(@certs, $new))->mark->graceful;
ok(wait_staple($server, $new->{name}, until => sub {
        lc($_[0]{serial} // '') eq lc $new->{serial} })->{sent},
   'the new one is fetched');
diag(sprintf '%.1f s after the restart', Time::HiRes::time() - $began);
ok($server->wait_log(qr/refresher of 21 certificates/, 10, since => 1),
   'a refresher of the new generation runs');
my $result = $end->();
for my $sum (qw(total ok failed stapled)) {
    $result->{$sum} += $_->{$sum} for @between;
}
cmp_ok($result->{total}, '>=', 20, "$result->{total} handshakes meanwhile");
is($result->{failed}, 0, 'none failed')
    or diag(join "\n", map { $_->{why} // '' }
                       grep { !$_->{ok} } @{ $result->{rows} });
is($result->{stapled}, $result->{ok}, 'all were stapled');

# ---- the CA ----
is(join(' ', map { $responder->count(name => $_) } @names),
   join(' ', (1) x @names), 'each is asked for once in all that time');
is($responder->count(name => $gone->{name}), 1, 'so is the one that went');
is($responder->count(name => $new->{name}), 1, 'and the new one');

# ---- the disk ----
my $file = Staple::Stored->new($server, $new)->path;
ok(wait_until(sub { -s $file }, 20), 'the new one is stored');
is(join(' ', grep { ((stat)[1] // 0) != $inode{$_} } sort keys %inode), '',
   'no other file was written again, none was removed');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
