package Staple::Process;

# Programs: run one to its end with a deadline, or in the background.

use strict;
use warnings;

use Exporter 'import';
use Fcntl qw(SEEK_SET);
use File::Temp ();
use IO::Socket::INET ();
use IO::Socket::UNIX ();
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(capture spawn reap is_running private_memory set_limit
                    wait_until free_port find_program
                    read_file write_file scale);

# On a slow machine, or under valgrind: all deadlines times this.
sub scale { return $_[0] * ($ENV{STAPLE_SLOW} || 1) }

# Calls $sub until it returns something true, and returns that; or undef (or an
# empty list) after $seconds.
sub wait_until {
    my ($sub, $seconds, $step) = @_;
    my $deadline = time + scale($seconds // 10);

    for (;;) {
        my $result = $sub->();
        return $result if $result;
        return if time > $deadline;
        sleep($step // 0.02);
    }
}

sub read_file {
    my ($path) = @_;

    open my $file, '<:raw', $path or return;
    local $/;
    return scalar <$file> // '';
}

# Under another name first, so that nobody reads half of it; not instead of a
# device.
sub write_file {
    my ($path, $content) = @_;

    die "$path: not a file\n" if -e $path && !-f _;
    open my $file, '>:raw', "$path.new" or die "$path.new: $!\n";
    print {$file} $content or die "$path.new: $!\n";
    close $file or die "$path.new: $!\n";
    rename "$path.new", $path or die "$path: $!\n";
    return $path;
}

sub find_program {
    my ($name) = @_;

    for my $dir (split(/:/, $ENV{PATH} || ''), '/usr/sbin', '/sbin') {
        return "$dir/$name" if -f "$dir/$name" && -x _;
    }
    return;
}

sub start {
    my ($command, $output, $input, $env) = @_;
    my $pid = fork // die "fork: $!\n";

    return $pid if $pid;
    # A child must never run the END blocks or destructors of the test.
    eval {
        # httpd ends its whole process group, which must not be ours.
        setpgrp 0, 0;
        open STDIN, '<', $input or die;
        open STDOUT, '>&', $output or die;
        open STDERR, '>&', $output or die;
        local @ENV{keys %$env} = values %$env;
        { no warnings 'exec'; exec { $command->[0] } @$command; }
    };
    print STDERR "cannot run $command->[0]: $!\n";
    POSIX::_exit(127);
}

# Runs a program to its end; returns what it wrote to both outputs and, in list
# context, its exit status (128 + signal; 'timeout').  Options: timeout, stdin
# (text), env.
sub capture {
    my ($command, %opt) = @_;
    my $output = File::Temp->new(TEMPLATE => 'ocspstaple-XXXXXX', TMPDIR => 1);
    my $input = '/dev/null';
    my $stdin;

    if (defined $opt{stdin}) {
        $stdin = File::Temp->new(TEMPLATE => 'ocspstaple-XXXXXX', TMPDIR => 1);
        print {$stdin} $opt{stdin};
        close $stdin;
        $input = "$stdin";
    }
    my $pid = start($command, $output, $input, $opt{env} || {});
    my $status = reap($pid, $opt{timeout} // 10);

    if (!defined $status) {
        kill 'KILL', $pid;
        reap($pid, 5);
        $status = 'timeout';
    }
    seek $output, 0, SEEK_SET;
    my $text = do { local $/; <$output> } // '';
    return wantarray ? ($text, $status) : $text;
}

# Starts a program that ends with this one at the latest; both outputs go to
# the file.  Returns its process id.
sub spawn {
    my ($command, $log, %opt) = @_;
    my $setpriv = find_program('setpriv');
    my @command = ($setpriv ? ($setpriv, '--pdeathsig', 'TERM', '--') : (),
                   @$command);

    open my $output, '>>', $log or die "$log: $!\n";
    return start(\@command, $output, '/dev/null', $opt{env} || {});
}

# Waits for a child's end; its exit status (128 + signal), undef: it runs on.
sub reap {
    my ($pid, $seconds) = @_;
    my $status;

    wait_until(sub {
        my $got = waitpid $pid, POSIX::WNOHANG();
        $status = $got == $pid ? $? & 127 ? 128 + ($? & 127) : $? >> 8
                : $got < 0     ? 0
                :                undef;
        return defined $status;
    }, $seconds, 0.005);
    return $status;
}

sub is_running {
    my ($pid) = @_;
    my $stat = read_file("/proc/$pid/stat");

    return defined $stat && $stat =~ /\) (\S)/ && $1 ne 'Z';
}

# Memory that a process has for itself alone, in KiB.
sub private_memory {
    my ($pid) = @_;

    (read_file("/proc/$pid/status") // '') =~ /^RssAnon:\s*(\d+)/m
        or die "/proc/$pid/status does not tell the memory in use\n";
    return $1;
}

# Sets a limit of a child of httpd's by an option of prlimit's; what that says,
# '' if it could.  As the child's user, who alone may ask for that.
sub set_limit {
    my ($pid, $option) = @_;
    my @as = $> == 0 ? qw(setpriv --reuid www-data --regid www-data
                          --clear-groups --) : ();

    return scalar capture([@as, 'prlimit', '--pid', $pid, $option]);
}

# A port of 127.0.0.1 that stays this process's own: below the range that the
# kernel gives away, and marked by a socket whose name others see.
my @marks;

sub free_port {
    my $first = 21000 + int rand 9000;

    for my $port ($first .. $first + 1500) {
        my $mark = IO::Socket::UNIX->new(
            Type => IO::Socket::UNIX::SOCK_STREAM(), Listen => 1,
            Local => "\0ocspstaple-test-port-$port") or next;
        my $socket = IO::Socket::INET->new(
            Proto => 'tcp', LocalAddr => '127.0.0.1', LocalPort => $port,
            Listen => 1) or next;

        push @marks, $mark;
        return $port;
    }
    die "no free port\n";
}

1;
