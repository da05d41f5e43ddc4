# A store that is slow to read delays the first handshakes for two seconds, no
# more; what is left is restored before anybody is asked.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);

use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Stored;

my $count = 24;
my $compiler = (grep { have_tool($_) } qw(cc gcc clang))[0];

plan tests => 11, need { 'no C compiler' => defined $compiler };

# Whoever opens a file of the store waits for half a second.
my $dir = new_dir('slow');
write_file("$dir/slow.c", <<'END');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static void wait_for(const char *name, int flags)
{
    if (strspn(name, "0123456789abcdef") == 64 && name[64] == '\0'
        && (flags & O_ACCMODE) == O_RDONLY) {
        usleep(500000);
    }
}

#define SLOW(function)                                                         \
    int function(int fd, const char *name, int flags, ...)                     \
    {                                                                          \
        static int (*next)(int, const char *, int, ...);                       \
        va_list ap;                                                            \
        int mode;                                                              \
                                                                               \
        va_start(ap, flags);                                                   \
        mode = va_arg(ap, int);                                                \
        va_end(ap);                                                            \
        if (!next) {                                                           \
            *(void **)&next = dlsym(RTLD_NEXT, #function);                     \
        }                                                                      \
        wait_for(name, flags);                                                 \
        return next(fd, name, flags, mode);                                    \
    }

SLOW(openat)
SLOW(openat64)
END
my ($text, $status) = capture([$compiler, '-shared', '-fPIC', '-w', '-o',
                               "$dir/slow.so", "$dir/slow.c", '-ldl']);
die "$compiler: $text\n" if $status;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs($count, same_key => 1, url => $responder->url);
my @names = map { $_->{name} } @certs;
my $server = Staple::Server->new(
    lines => "OCSPStapleIssuerCheck Off\n",
    vhosts => [Staple::Server->stapled(@certs)])->start;
my $store = $server->root . '/store';

ok(wait_all_stapled($server, \@names, within => 30), 'all stapled');
ok(wait_until(sub { stored_files($store) == $count }, 20), 'all stored');
$server->stop;
$responder->clear_log->stop;

# ---- a start with the slow store, and nobody to ask ----
$server->mark;
{
    local $ENV{LD_PRELOAD} = "$dir/slow.so";
    $server->start;
}
my $result = handshakes($server, \@names, verify => $pki->ca_file);
my $good = grep { $_->{status} eq 'good' } @{ $result->{rows} };

is($result->{failed}, 0, 'no handshake fails');
cmp_ok($good, '<', $count,
       "the first handshakes do not wait for all: $good are stapled");
ok($server->wait_log(qr/OST0096: .*the refresher restores the others/, 10,
                     since => 1),
   'which is said');
ok(wait_all_stapled($server, \@names, within => 40),
   'in the end all are stapled');
is(join(' ', map { $_->{name} } $responder->start->requests), '',
   'by nobody who was asked');
my @lines = $server->log_lines(qr/OST0096/, since => 1);
is(@lines, 2, 'two lines') or diag(@lines);
my $sum = 0;
$sum += /: (\d+) staples restored/ ? $1 : 0 for @lines;
is($sum, $count, 'sum up what was restored');

# ---- it stops while it restores ----
$server->stop;
{
    local $ENV{LD_PRELOAD} = "$dir/slow.so";
    $server->mark->start;
}
my $took = $server->stop;
ok(defined $took, 'it stops while it restores');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
