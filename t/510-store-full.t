# A store that does not work costs a warning and nothing else; when it works
# again, nothing is missing.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Stored;

plan tests => 14;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs(20, prefix => 's', same_key => 1,
                        url => $responder->url);
my @names = map { $_->{name} } @certs;
my @vhosts = Staple::Server->stapled(@certs);
my @mounted;

END { system 'umount', '-l', $_ for @mounted }

# ---- full ----
SKIP: {
    my $dir = new_dir('full');

    skip 'a small file system cannot be mounted here', 5
        if $> != 0 || system("mount -t tmpfs -o size=32k,mode=755 none $dir "
                             . '2>/dev/null') != 0;
    push @mounted, $dir;
    my $server = Staple::Server->new(
        vhosts => \@vhosts, lines => "OCSPStapleStore $dir/store\n");

    open my $file, '>', "$dir/fill" or die;
    syswrite $file, 'x' x 4096 for 1 .. 7;
    close $file;
    $server->mark->start;
    check_trouble('full', qr/OST0091.*make room/, $server, \@names,
                  "$dir/store", sub {
        system 'mount', '-o', 'remount,size=1m', $dir;
    });
    $server->stop;
}

# ---- read-only ----
SKIP: {
    my $dir = new_dir('ro');

    skip 'a file system cannot be mounted here', 9
        if $> != 0 || system("mount -t tmpfs -o size=1m,mode=755 none $dir "
                             . '2>/dev/null') != 0;
    push @mounted, $dir;
    my $server = Staple::Server->new(
        vhosts => \@vhosts, lines => "OCSPStapleStore $dir/store\n");

    mkdir "$dir/store";
    chown +(getpwnam 'www-data')[2, 3], "$dir/store";
    chmod 0700, "$dir/store";
    system 'mount', '-o', 'remount,ro', $dir;
    $server->mark->start;
    check_trouble('read-only', qr/OST0091.*writable/, $server, \@names,
                  "$dir/store", sub {
        system 'mount', '-o', 'remount,rw', $dir;
    });
    $server->stop;
    system 'mount', '-o', 'remount,ro', $dir;
    $responder->clear_log->stop;
    $server->start;
    my $first = handshakes($server, \@names);
    is($first->{stapled}, @names, 'what is stored read-only is restored');
    is($first->{failed}, 0, 'no handshake fails');
    is($responder->start->count, 0, 'and nobody is asked');
    $server->stop;

    $server->reconfigure(lines => "OCSPStapleStore $dir/other\n");
    $server->mark;
    ok($server->try_start && $server->log_lines(qr/OST0090.*writable/,
                                                since => 1) == 1,
       'it starts where the directory cannot be made');
    $server->stop;
}
