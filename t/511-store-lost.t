# A store that was taken away, or is not to be trusted, costs a warning and
# nothing else.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Stored;

plan tests => 17;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs(20, prefix => 's', same_key => 1,
                        url => $responder->url);
my @names = map { $_->{name} } @certs;
my @vhosts = Staple::Server->stapled(@certs);

# ---- permission denied, and gone ----
my $server = Staple::Server->new(vhosts => \@vhosts);
my $store = $server->root . '/store';
my @user = $> == 0 ? (getpwnam 'www-data')[2, 3] : ($>, (split ' ', $))[0]);

SKIP: {
    skip 'only root can take permissions from others here', 6 if $> != 0;
    $server->mark->start;
    ok($server->refresher_pid, 'the refresher runs');
    wait_until(sub { stored_files($store) == @names }, 20)
        or die 'nothing stored';
    rename $store, "$store.away";
    mkdir $store, 0755; # root's
    check_trouble('permission', qr/OST0091.*chown/, $server, \@names,
                  $store, sub {
        chown @user, $store;
        chmod 0700, $store;
    });
    $server->stop;
}

SKIP: {
    skip 'not tested by others than root', 5 if $> != 0;
    $server->mark->start;
    wait_until(sub { stored_files($store) == @names }, 20)
        or die 'nothing stored';
    system 'rm', '-rf', $store;
    check_trouble('removed', qr/OST0091.*restart httpd/, $server, \@names,
                  $store, sub {
        $server->graceful;
    });
    $server->stop;
}

# ---- not ours, at the start ----
my %unsafe = (
    'a link' => sub {
        mkdir "$store.target", 0700;
        chown @user, "$store.target";
        symlink "$store.target", $store;
    },
    'open to all' => sub {
        mkdir $store;
        chown @user, $store;
        chmod 0777, $store;
    },
);

for my $what (sort keys %unsafe) {
    system 'rm', '-rf', $store;
    $unsafe{$what}->();
    $server->mark->start;
    ok(wait_all_stapled($server, \@names), "$what: all stapled");
    is($server->log_lines(qr/OST0090/, since => 1), 1, "$what: a warning");
    $server->stop;
    is(stored_files("$store/."), 0, "$what: nothing is written there");
}
