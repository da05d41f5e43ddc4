# The event command: what it is given, and what it cannot do to httpd.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Events;
use Staple::PKI;
use Staple::Process qw(is_running);
use Staple::Responder;
use Staple::Server;

plan tests => 29;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $events = Staple::Events->new;
my $dir = $events->dir;
my @names = qw(a.example b.example c.example);
my @certs = map { $pki->cert($_, url => $responder->url) } @names;

# Each run leaves its process id in a file of its own, and its end.
my $program = $events->program('command', <<'END');
if [ -e "$dir/busy" ]; then echo "$$" >> "$dir/overlaps"; fi
: > "$dir/busy"
{
    id -un
    for word in "$@"; do echo "word: $word"; done
    env
    while read -r line; do
        case $line in Sig*) echo "$line";; esac
    done < "/proc/$$/status"
    ls -l "/proc/$$/fd"
} > "$dir/about.$OCSP_STAPLE_SUBJECT"
cat > "$dir/stdin.$OCSP_STAPLE_SUBJECT"
echo 'words of the program'
rm "$dir/busy"
echo "$OCSP_STAPLE_EVENT $OCSP_STAPLE_SUBJECT" >> "$dir/runs"
case $OCSP_STAPLE_SUBJECT in *c.example) exit 3;; esac
END

$responder->set('*', 'revoked', next => 3600, time => -60);
my $command = "OCSPStapleEventCommand $program one \"two words\" \$HOME;id\n";
my $server = Staple::Server->new(
    lines => $events->lines . "OCSPStapleLogExclude none\n$command",
    vhosts => [Staple::Server->stapled(@certs)]);
$server->start(env => { STAPLE_SECRET => 'of httpd' });

sub runs { return split /\n/, read_file("$dir/runs") // '' }

ok(wait_until(sub { runs() == 3 }, 10), 'it runs once for each event')
    or diag(join "\n", runs());
is(join(' ', sort(runs())), join(' ', map { "revoked CN=$_" } @names),
   'and is told of each');
ok(!-e "$dir/overlaps", 'one at a time');
my $about = read_file("$dir/about.CN=a.example") // '';
my ($user) = $about =~ /^(\S+)\n/;
is($user, $> == 0 ? 'www-data' : scalar getpwuid($>), 'as User');
like($about, qr/word: one\nword: two words\nword: \$HOME;id\n(?!word)/,
     'its arguments have seen no shell');
like($about, qr/^$_/m, "environment: $_")
    for qw(OCSP_STAPLE_EVENT=revoked$ OCSP_STAPLE_STATE=revoked$
           OCSP_STAPLE_PREVIOUS_STATE=pending$ OCSP_STAPLE_SUBJECT=CN=a.example$
           OCSP_STAPLE_SERVER=a.example$ OCSP_STAPLE_RESPONDER=http:);
unlike($about, qr/STAPLE_SECRET/, "nothing else of httpd's environment");
like($about, qr/^SigBlk:\s*0+$/m, 'no signal is blocked');
# Signals 32 and 33 are the C library's own.
like($about, qr/^SigIgn:\s*0+(?:180000000)?$/m, 'no signal is ignored');
# The shell keeps its own from 10 on.
is_deeply([grep { $_ > 2 && $_ < 10 } $about =~ / (\d+) -> /g], [],
          "no descriptor of httpd's but the first three");
my @lines = $events->all("$dir/stdin.CN=a.example");
is(@lines, 1, 'standard input: one line');
is_deeply($lines[0], ($events->matching(name => 'a.example'))[0],
          'which is that of the event log');
ok($server->wait_log(qr/OST0063.*command: ended with exit status 3/, 5),
   'its failure is logged');
is($server->log_lines(qr/OST0063/), 1, 'once');
ok($server->log_lines(qr/^words of the program/), 'its words too');

# Children of httpd's processes that ended and that nobody asked about.
sub zombies {
    my %is_ours = map { $_ => 1 } $server->pid, $server->child_pids;

    return grep { (read_file($_) // '') =~ /\) Z (\d+)/ && $is_ours{$1} }
           glob '/proc/[0-9]*/stat';
}

ok(wait_until(sub { !zombies() }, 5), 'and leaves no zombies');

# ---- one that cannot be started ----

my $odd = $events->program('odd', '');

$server->stop;
write_file($odd, "#!$dir/no-such-shell\n");
chmod 0755, $odd or die $!;
$server->reconfigure(
    lines => $events->lines . "OCSPStapleLogExclude none\n"
             . "OCSPStapleStore none\nOCSPStapleEventCommand $odd\n");
$server->start;
ok($server->wait_log(qr/:error\].*OST0063.*odd: cannot be started/, 10,
                     count => 3),
   'one that cannot be started: each time is logged');
is($events->matching(event => 'revoked'), 6, 'and nothing else is the matter');

# ---- one that hangs, with a child that hangs ----

my $hang = $events->program('hang', <<'END');
case $OCSP_STAPLE_SUBJECT in *a.example) trap '' TERM HUP; esac
sleep 600 &
echo "$$ $!" >> "$dir/hangs"
wait
END
my @hangs;

$server->stop;
$server->reconfigure(
    lines => $events->lines . "OCSPStapleLogExclude none\n"
             . "OCSPStapleStore none\nOCSPStapleEventCommand $hang\n");
$server->start;
ok(wait_until(sub { (read_file("$dir/hangs") // '') =~ /\n/ }, 10),
   'a program that hangs is run');
my ($parent, $child) = (read_file("$dir/hangs") // '') =~ /^(\d+) (\d+)/;
ok($server->wait_log(qr/OST0063.*hang: killed/, 15), 'and killed in the end');
ok(wait_until(sub { !is_running($parent) && !is_running($child) }, 5),
   'with what it started');
ok(wait_until(sub { (read_file("$dir/hangs") // '') =~ /\n.*\n/ }, 5),
   'and the next event has its turn');
my $took = $server->stop;
ok(defined $took && $took < 4, 'httpd ends while one hangs')
    or diag($took // 'killed');
ok($server->log_lines(qr/OST0064.*hang: not run.*\{"time/),
   'and says for which event it was not run');
kill 'KILL', grep { is_running($_) }
    (read_file("$dir/hangs") // '') =~ /(\d+)/g;
