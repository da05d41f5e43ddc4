# Stored files come of age: what nobody used for 30 days goes, what a writer
# that was killed left behind goes, and an older file never replaces what is
# served.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Stored;

plan tests => 15;

my $day = 86400;
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my ($used, $old, $young, $new) = map { $pki->cert($_, url => $responder->url) }
    qw(used.example old.example young.example new.example);
my $server = Staple::Server->new;
my $store = $server->root . '/store';

sub vhosts {
    return [Staple::Server->stapled(@_)];
}

sub file { return Staple::Stored->new($server, $_[0]) }

# How old a file is by its time of modification, in days; undef: it is gone.
sub age {
    my ($cert) = @_;
    my $at = (stat file($cert)->path)[9];

    return defined $at ? (time - $at) / $day : undef;
}

sub set_age {
    my ($cert, $days) = @_;
    my $at = time - $days * $day;

    utime $at, $at, file($cert)->path or die file($cert)->path, ": $!\n";
}

# ---- a response of yesterday, and one of today ----
my $all = [$used, $old, $young];
$responder->set('*', 'good', this => -$day, next => $day);
$server->reconfigure(vhosts => vhosts(@$all))->start;
ok(wait_until(sub { stored_files($store) == 3 }, 20), 'three are stored');
$server->stop;
my $older = file($used)->der;
system 'rm', '-rf', $store;
$responder->set('*', 'good', next => 7 * $day);
$server->start;
ok(wait_until(sub { stored_files($store) == 3 }, 20), 'and once more');

# ---- an older file, put in place under a running httpd ----
my $before = staple($server, 'used.example', ca => $pki->ca_file);
ok($before->{sent} && $before->{verify} eq '0', 'the newer one is stapled');
file($used)->write(der => $older);
$server->graceful(wait => 1);
my $after = staple($server, 'used.example');
is($after->{this_update}, $before->{this_update},
   'also after a graceful restart with an older file in its place');
$server->stop;

# ---- two that are not configured any more, and a writer that was killed ----
my @owner = (stat $store)[4, 5];
set_age($used, 40);
set_age($old, 32);
set_age($young, 30);
write_file("$store/new", substr file($used)->read, 0, 200);
chown @owner, "$store/new";
$responder->clear_log;
$server->reconfigure(vhosts => vhosts($used))->mark->start;
ok(staple($server, 'used.example')->{sent},
   'one that was not used for 40 days, but is now, is restored');
ok($server->wait_log(qr/OST0095: .*: 1 files/, 15, since => 1),
   'files are removed, and it is said')
    or diag($server->error_log(since => 1));
is(age($old), undef, 'one that nobody used for 32 days is');
ok(defined age($young), 'one of 30 days is not');
cmp_ok(age($used), '<', 1, 'the use of the other is noted');
is($responder->count, 0, 'nobody was asked');

# ---- its certificate comes back ----
$server->reconfigure(vhosts => vhosts($used, $young, $new))->graceful;
ok(wait_all_stapled($server, [qw(used.example young.example new.example)]),
   'all are stapled');
is(join(' ', map { $_->{name} } $responder->requests), 'new.example',
   'the one that comes back within 30 days from its file');
ok(wait_until(sub { -s file($new)->path && !-e "$store/new" }, 20),
   'what a killed writer left is gone with the next file that is written');
is(stored_files($store), 3, 'three are stored');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
