package Staple::Server;

# An httpd of its own for one test: configuration, life and log.

use strict;
use warnings;

use IO::Socket::INET ();
use POSIX ();
use Scalar::Util ();
use Test::Builder ();
use Time::HiRes qw(sleep time);

use Staple::Process qw(capture spawn reap is_running wait_until free_port
                       find_program read_file write_file);
use Staple::Test ();

#   my $server = Staple::Server->new(
#       vhosts  => [{ name => 'a.example', certs => [$cert],
#                     lines => "OCSPStaple On\n" }],
#       lines   => "global configuration\n",
#       modules => ['md'],             # beyond the usual ones
#       without => ['ssl'],            # of the usual ones
#   );
#   $server->start;
#
# All virtual hosts share one port; 'port' of a virtual host, from
# $server->another_port, gives it its own; 'plain' gives it no TLS.
# 'mpm' is $ENV{STAPLE_MPM} or event; 'log_level' is added to the usual one.
my @instances;
my $owner = $$;

sub new {
    my ($class, %opt) = @_;
    my $root = Staple::Test::new_dir('httpd');
    my $self = bless {
        mpm => Staple::Test::mpm(), vhosts => [], lines => '', modules => [],
        without => [], log_level => '', %opt,
        root => $root, port => free_port(), mark => 0,
    }, $class;

    mkdir "$root/$_" or die "$root/$_: $!\n" for qw(htdocs run);
    write_file("$root/htdocs/index.html", "it works\n");
    $self->write_config;
    push @instances, $self;
    Scalar::Util::weaken($instances[-1]);
    return $self;
}

# Virtual hosts with OCSPStaple On, one for each certificate and of its name.
sub stapled {
    my ($class, @certs) = @_;

    return map { { name => $_->{name}, certs => [$_],
                   lines => "OCSPStaple On\n" } } @certs;
}

# ---- where things are ----

sub root  { return $_[0]{root} }
sub port  { return $_[0]{port} }
sub mpm   { return $_[0]{mpm} }
sub pid   { return $_[0]{pid} }
sub conf  { return "$_[0]{root}/httpd.conf" }
sub log   { return "$_[0]{root}/error.log" }
sub another_port { return free_port() }

my %asked;

sub apxs {
    my ($what) = @_;
    my $apxs = $ENV{APXS} || find_program('apxs') || find_program('apxs2');

    return $asked{$what} //= do {
        my ($text, $status) = capture([$apxs, '-q', $what]);
        die "apxs -q $what: $text\n" if $status;
        chomp $text;
        $text;
    };
}

sub httpd {
    return $ENV{STAPLE_HTTPD} || apxs('SBINDIR') . '/' . apxs('PROGNAME');
}

sub is_static {
    my ($name) = @_;

    $asked{-l} //= capture([httpd(), '-l']);
    return $asked{-l} =~ /^\s*mod_\Q$name\E\.c$/m;
}

sub module { return $ENV{STAPLE_MODULE}
                 || Staple::Test::top_builddir() . '/.libs/mod_ocspstaple.so' }

# ---- configuration ----

sub load_lines {
    my ($self) = @_;
    my %without = map { $_ => 1 } @{ $self->{without} };
    my $dir = apxs('LIBEXECDIR');
    my $text = '';

    for my $name ("mpm_$self->{mpm}", qw(unixd log_config watchdog authz_core
                  socache_shmcb ssl), @{ $self->{modules} }) {
        next if $without{$name} || is_static($name);
        $text .= "LoadModule ${name}_module $dir/mod_$name.so\n";
    }
    if (!$without{ocspstaple}) {
        my $module = module();
        $module = "$ENV{PWD}/$module" if $module !~ m{^/};
        $text .= "LoadModule ocspstaple_module $module\n";
    }
    return $text;
}

my $threaded = <<'END';
StartServers 2
ServerLimit 4
ThreadsPerChild 25
MinSpareThreads 25
MaxSpareThreads 100
MaxRequestWorkers 100
END
my %processes = (event => $threaded, worker => $threaded, prefork => <<'END');
StartServers 5
MinSpareServers 5
MaxSpareServers 20
MaxRequestWorkers 50
END

sub vhost_text {
    my ($self, $vhost) = @_;
    my $port = $vhost->{port} // $self->{port};
    my $text = "<VirtualHost 127.0.0.1:$port>\nServerName $vhost->{name}\n";

    $text .= "ServerAlias @{ $vhost->{aliases} }\n" if $vhost->{aliases};
    $text .= "SSLEngine On\n" if !$vhost->{plain};
    for my $cert (@{ $vhost->{certs} || [] }) {
        $text .= "SSLCertificateFile $cert->{chain}\n"
               . "SSLCertificateKeyFile $cert->{key}\n";
    }
    $text .= $vhost->{lines} // '';
    return "$text\n</VirtualHost>\n";
}

sub config_text {
    my ($self) = @_;
    my $root = $self->{root};
    my $debug = grep({ $_ eq 'ocspstaple' } @{ $self->{without} })
        ? '' : 'ocspstaple:debug';
    my %ports = map { ($_->{port} // $self->{port}) => 1 }
        @{ $self->{vhosts} };

    $ports{ $self->{port} } = 1;
    return $self->load_lines . <<"END"
ServerRoot $root
DefaultRuntimeDir $root/run
PidFile $root/run/httpd.pid
ServerName localhost
User www-data
Group www-data
DocumentRoot $root/htdocs
ErrorLog $root/error.log
LogLevel info $debug $self->{log_level}
GracefulShutdownTimeout 5
<IfModule mod_ssl.c>
SSLSessionCache none
</IfModule>
<IfModule mod_ocspstaple.c>
OCSPStapleStore $root/store
</IfModule>
END
        . $processes{ $self->{mpm} }
        . join('', map { "Listen 127.0.0.1:$_\n" } sort keys %ports)
        . $self->{lines} . "\n"
        . join('', map { $self->vhost_text($_) } @{ $self->{vhosts} });
}

sub write_config {
    my ($self) = @_;

    write_file($self->conf, $self->config_text);
    return $self;
}

# Changes what new() was given; takes effect at the next (re)start.
sub reconfigure {
    my ($self, %opt) = @_;

    @$self{keys %opt} = values %opt;
    return $self->write_config;
}

# What `httpd -t` says (more arguments may be given); its exit status too in
# list context.
sub configtest {
    my ($self, @more) = @_;

    return capture([httpd(), '-f', $self->conf, '-t', @more], timeout => 60);
}

# ---- life ----

sub is_up {
    my ($self) = @_;

    return defined IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                         PeerPort => $self->{port});
}

sub count_starts {
    my ($self) = @_;
    my $count = () = $self->error_log =~ /resuming normal operations/g;

    return $count;
}

# Starts httpd and does not wait for it: await() does, also of several servers
# that are launched at once.
sub launch {
    my ($self, %opt) = @_;

    $self->{starts} = $self->count_starts;
    $self->{pid} = spawn([split(' ', $ENV{STAPLE_WRAP} || ''), httpd(),
                          '-f', $self->conf, '-DFOREGROUND'],
                         "$self->{root}/startup.log", env => $opt{env});
    return $self;
}

# Waits until it accepts; returns 1, or 0 when it does not.
sub await {
    my ($self, %opt) = @_;
    my $is_up = wait_until(sub {
        return -1 if !is_running($self->{pid});
        return $self->count_starts > $self->{starts} && $self->is_up;
    }, $opt{timeout} // 20);

    return 1 if $is_up && $is_up == 1;
    $self->stop;
    return 0;
}

# Starts httpd and waits until it accepts.  Dies when it does not start;
# try_start returns 0 then.
sub try_start {
    my ($self, %opt) = @_;

    return $self->launch(%opt)->await(%opt);
}

sub start {
    my ($self, %opt) = @_;

    if (!$self->try_start(%opt)) {
        die "httpd does not start:\n", $self->startup_log, $self->log_tail(30);
    }
    return $self;
}

# Tells httpd to end and waits for that; the seconds it took, undef when it had
# to be killed.
sub stop {
    my ($self, %opt) = @_;
    my $pid = delete $self->{pid} or return 0;
    my @children = child_pids_of($pid);
    my $began = time;

    kill $opt{signal} // 'TERM', $pid;
    if (!defined reap($pid, $opt{timeout} // 10)) {
        kill 'KILL', $pid, @children;
        reap($pid, 5);
        return;
    }
    return time - $began;
}

sub restart {
    my ($self) = @_;

    $self->stop;
    return $self->start;
}

# A graceful restart; returns the seconds until the new generation runs (and,
# with wait => 1, until every child of the old one is gone).  Dies when that
# does not come to pass.
sub graceful {
    my ($self, %opt) = @_;
    my $before = $self->count_starts;
    my @old = $self->child_pids;
    my $began = time;

    kill $opt{signal} // 'USR1', $self->{pid} or die "httpd is gone\n";
    wait_until(sub { $self->count_starts > $before }, $opt{timeout} // 10)
        or die "no graceful restart:\n", $self->log_tail(20);
    if ($opt{wait}) {
        wait_until(sub { !grep { is_running($_) } @old }, $opt{timeout} // 10)
            or die "old children live on:\n", $self->log_tail(20);
    }
    return time - $began;
}

# ---- processes ----

sub child_pids_of {
    my ($parent) = @_;
    my @children;

    for my $path (glob '/proc/[0-9]*/stat') {
        my $stat = read_file($path) // next;
        push @children, $path =~ /(\d+)/
            if $stat =~ /\) (\S) (\d+)/ && $2 == $parent && $1 ne 'Z';
    }
    @children = sort { $a <=> $b } @children;
    return @children;
}

sub child_pids { return child_pids_of($_[0]{pid}) }

# The child whose watchdog refreshes, as its last log line about that says.
sub refresher_pid {
    my ($self, %opt) = @_;

    return wait_until(sub {
        my ($pid) = $self->error_log
            =~ /.*\[pid (\d+)[^\]]*\] [^\n]*refresher of \d+ cert/s;
        return $pid && is_running($pid) ? $pid : 0;
    }, $opt{timeout} // 15);
}

# Has the child a connection with a client?
sub is_connected {
    my ($self, $pid) = @_;
    my $port = sprintf ':%04X', $self->{port};
    my %socket = map { /socket:\[(\d+)\]/ ? ($1 => 1) : () }
                 map { readlink // '' } glob "/proc/$pid/fd/*";

    for my $line (split /\n/, read_file('/proc/net/tcp')) {
        my ($local, $state, $inode) = (split ' ', $line)[1, 3, 9];

        return 1 if $local =~ /$port$/ && $state ne '0A' && $socket{$inode};
    }
    return 0;
}

# ---- log ----

sub startup_log { return read_file("$_[0]{root}/startup.log") // '' }

# The error log, all of it or, with since => 1, since the last call of mark().
sub error_log {
    my ($self, %opt) = @_;
    my $text = read_file($self->log) // '';

    return $opt{since} ? substr($text, $self->{mark}) : $text;
}

sub mark { my ($self) = @_; $self->{mark} = -s $self->log || 0; return $self }

# Lines of the log that match; options as for error_log.
sub log_lines {
    my ($self, $pattern, %opt) = @_;

    return grep { $_ =~ $pattern } split /\n/, $self->error_log(%opt);
}

# When the first line was written that matches, in seconds since 1970; nothing
# where none does.
sub seconds_of {
    my ($self, $pattern, %opt) = @_;
    my ($line) = $self->log_lines($pattern, %opt);
    my ($month, $day, $h, $m, $s, $y) = ($line // '')
        =~ /^\[\w+ (\w+) +(\d+) (\d+):(\d+):([\d.]+) (\d+)\]/ or return;
    my @months = qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec);
    my ($number) = grep { $months[$_] eq $month } 0 .. 11;

    return $s + POSIX::mktime(0, $m, $h, $day, $number, $y - 1900, 0, 0, -1);
}

# Waits until some line (or, with count => n, n of them) matches.
sub wait_log {
    my ($self, $pattern, $seconds, %opt) = @_;
    my $count = delete $opt{count} // 1;

    return wait_until(sub {
        return $self->log_lines($pattern, %opt) >= $count;
    }, $seconds);
}

sub log_tail {
    my ($self, $count) = @_;
    my @lines = split /\n/, $self->error_log;

    splice @lines, 0, @lines - $count if @lines > $count;
    return join '', map { "$_\n" } @lines;
}

# Lines that should not be there, whatever was tested.
sub bad_lines {
    my ($self) = @_;

    return $self->log_lines(qr/:(?:crit|alert|emerg)\]|exit signal|AddressSan/);
}

sub DESTROY {
    my ($self) = @_;

    if ($$ == $owner) {
        local ($?, $@, $!);
        $self->stop;
    }
}

END {
    my $status = $?;

    if ($$ == $owner) {
        my $builder = Test::Builder->new;

        for my $self (grep { defined } @instances) {
            $self->stop;
            if ($status != 0 || !$builder->is_passing) {
                $builder->diag("end of the error log of $self->{root}:");
                $builder->diag($self->startup_log . $self->log_tail(60));
            }
        }
    }
    $? = $status;
}

1;
