# An event command that leaves its process group, its session, or processes
# behind that hold its descriptors: it is killed in its time, and the events
# after it have their turn.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Events;
use Staple::PKI;
use Staple::Process qw(is_running);
use Staple::Responder;
use Staple::Server;
use Time::HiRes qw(time);

plan tests => 13;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $events = Staple::Events->new;
my $dir = $events->dir;
my @certs = $pki->certs(3, prefix => 'c', url => $responder->url,
                        same_key => 1);

$responder->set('*', 'revoked', next => 3600, time => -60);

# Each run writes its process id and that of what it leaves behind; what it
# does then, it does once: later runs end at once.
sub program {
    my ($name, $text) = @_;

    return $events->program($name, <<"END");
exec $^X - "\$dir/$name" 3<&0 <<'PERL'
use POSIX ();
my (\$path) = \@ARGV;
sub say_so {
    open my \$file, '>>', "\$path.runs" or die;
    syswrite \$file, "\@_\\n";
}
my \$is_first = !-e "\$path.runs";
say_so(\$\$);
exit 0 if !\$is_first;
$text
PERL
END
}

sub runs {
    my @pids = (read_file("$dir/$_[0].runs") // '') =~ /(\d+)/g;

    return @pids;
}

my $server = Staple::Server->new(
    vhosts => [Staple::Server->stapled(@certs)]);

sub try_command {
    my ($path) = @_;

    $server->reconfigure(
        lines => $events->lines . "OCSPStapleLogExclude none\n"
                 . "OCSPStapleStore none\nOCSPStapleEventCommand $path\n");
    $server->mark->start;
}

# ---- it is in a group of its own choice: httpd's ----

try_command(program('escapes', <<'END'));
setpgrp 0, getpgrp getppid or die "setpgrp: $!\n";
$SIG{$_} = 'IGNORE' for qw(TERM HUP INT);
sleep 600;
END
ok(wait_until(sub { runs('escapes') }, 10), 'it leaves its group');
my ($pid) = runs('escapes');
ok($server->wait_log(qr/OST0063.*escapes: killed/, 15, since => 1),
   'its time is over');
ok(wait_until(sub { !is_running($pid) }, 5), 'and it is killed all the same');
ok(wait_until(sub { runs('escapes') == 3 }, 10),
   'the events after it have their turn') or diag(join ' ', runs('escapes'));
my $took = $server->stop;
ok(defined $took && $took < 4, 'httpd ends at once');
kill 'KILL', grep { is_running($_) } $pid;

# ---- what it leaves behind holds every descriptor ----

my $began = time;
try_command(program('daemon', <<'END'));
if (!fork) {
    POSIX::setsid() > 0 or die "setsid: $!\n";
    if (!fork) {
        say_so($$);
        sleep 600;
    }
}
END
ok(wait_until(sub { runs('daemon') == 4 }, 8),
   'nobody waits for what it left behind') or diag(join ' ', runs('daemon'));
cmp_ok(time - $began, '<', Staple::Process::scale(10),
       'nor for the time that it might have had');
is($server->log_lines(qr/OST0063/, since => 1), 0, 'that is no failure');
$took = $server->stop;
ok(defined $took && $took < 4, 'httpd ends at once, too');
kill 'KILL', grep { is_running($_) } runs('daemon');

# ---- it hangs, and so does what it left behind ----

try_command(program('both', <<'END'));
if (!fork) {
    POSIX::setsid() > 0 or die "setsid: $!\n";
    say_so($$);
    sleep 600;
}
sleep 600;
END
ok($server->wait_log(qr/OST0063.*both: killed/, 15, since => 1),
   'one that hangs is killed');
ok(wait_until(sub { runs('both') == 4 }, 10),
   'and the events after it have their turn') or diag(join ' ', runs('both'));
$took = $server->stop;
ok(defined $took && $took < 4, 'httpd ends at once, again');
kill 'KILL', grep { is_running($_) } runs('both');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
