# A read-only /tmp takes nothing away: staples are stored, and restored by one
# child; without any place for a lock's file a line says what to do.
use strict;
use warnings;

# Everything of this test is elsewhere.
BEGIN { $ENV{TMPDIR} = '/var/tmp' if -w '/var/tmp' }

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Stored;

# A program in a mount namespace of its own, in which nobody can write to these.
my $dir = new_dir('wrap');

sub wrap {
    my ($name, @places) = @_;
    my $mounts = join ' && ', map { "mount -t tmpfs -o ro none $_" } @places;

    write_file("$dir/$name", "#!/bin/sh\n[ \"\$1\" = in ] || "
                             . "exec unshare -m \"\$0\" in \"\$@\"\n"
                             . "shift; $mounts && exec \"\$@\"\n");
    chmod 0755, "$dir/$name";
    return "$dir/$name";
}

my (undef, $status) = capture([wrap('tmp', '/tmp'), 'sh', '-c',
                               '! touch /tmp/ocspstaple 2>/dev/null']);

plan tests => 13, need {
    'no mount namespaces' => $status eq '0',
    'nothing but /tmp to write to' => $dir =~ m{^/var/tmp/},
};

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs(5, prefix => 'v', same_key => 1,
                        url => $responder->url);
my @names = map { $_->{name} } @certs;
my $server = Staple::Server->new(vhosts => [Staple::Server->stapled(@certs)]);
my $run = $server->root . '/run';

sub stored { return scalar(() = stored_files($server->root . '/store')) }

# ---- /tmp ----

local $ENV{STAPLE_WRAP} = "$dir/tmp " . ($ENV{STAPLE_WRAP} // '');
$server->start;
ok(wait_all_stapled($server, \@names), 'a read-only /tmp: all are stapled');
ok(wait_until(sub { stored() == 5 }, 10), 'and stored');
is($server->log_lines(qr/OST0090|OST0091|OST0134/), 0, 'nothing to complain of');
is(join(' ', grep { m{/ocspstaple[^/]*$} } glob "$run/*"), '',
   "the lock's file is gone from DefaultRuntimeDir");
$responder->stop;
$server->restart;
is(handshakes($server, \@names)->{stapled}, 5, 'a restart: all are stapled');
is($server->log_lines(qr/OST0096.* 5 staples restored/), 1,
   'by one child, from the store');
$server->stop;

# ---- DefaultRuntimeDir as well ----

wrap('two', '/tmp', "$run/sub");
mkdir "$run/sub";
$server->reconfigure(lines => "DefaultRuntimeDir $run/sub\n");
$ENV{STAPLE_WRAP} =~ s{/tmp(?= )}{/two};
$server->mark->start;
is(handshakes($server, \@names)->{stapled}, 5,
   'neither there nor in DefaultRuntimeDir: restored');
is($server->log_lines(qr/OST0090|OST0091|OST0134/, since => 1), 0,
   'nothing to complain of');
$server->stop;

# ---- nowhere ----

wrap('all', '/tmp', "$run/sub", '/dev/shm');
$ENV{STAPLE_WRAP} =~ s{/two(?= )}{/all};
$responder->start;
$server->mark->start;
ok(wait_all_stapled($server, \@names), 'nowhere: they are stapled');
is($server->log_lines(qr{:warn\].*\ OST0134:.*$run/sub/?,\ /tmp\ or\ /dev/shm
                         .*DefaultRuntimeDir}x, since => 1), 1,
   'and one line says what to do');
is($server->log_lines(qr/OST0090/, since => 1), 0, 'and no wrong one');
is(stored(), 5, 'what was stored stays');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
