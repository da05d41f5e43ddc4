package Staple::NameServer;

# A name server of the test's own, which httpd alone asks.

use strict;
use warnings;

use IO::Socket::INET ();
use POSIX ();
use Time::HiRes qw(time);

use Staple::Process qw(capture write_file);
use Staple::Test ();

#   my $names = Staple::NameServer->new; # (options => 'timeout:5')
#   plan tests => 5, need { 'no port 53, or no mount namespace' => $names };
#   my $socket = $names->socket; # UDP; who answers, if anybody, is the test
#   $names->serve(sub { my ($name, $type) = @_; return (0, [$packed]) });
#
# It has a loopback address of its own; every server started from now on has a
# mount namespace in which /etc/resolv.conf names that.  Returns nothing where
# this machine does not allow it.
sub new {
    my ($class, %opt) = @_;
    my $options = $opt{options} // 'timeout:20 attempts:1';
    my $address = sprintf '127.%d.%d.%d', map { 1 + int rand 250 } 1 .. 3;
    my $socket = IO::Socket::INET->new(Proto => 'udp', LocalAddr => $address,
                                       LocalPort => 53);
    my $dir = Staple::Test::new_dir('resolver');

    write_file("$dir/resolv.conf",
               "nameserver $address\noptions $options\n");
    write_file("$dir/wrap", <<"SH");
mount --bind $dir/resolv.conf /etc/resolv.conf && exec "\$@"
SH
    # setpriv's signal at the death of its parent must reach httpd: unshare
    # execs.
    my @wrap = ('unshare', '-m', 'sh', "$dir/wrap");

    return if !$socket || $> != 0 || !Staple::Test::have_tool('unshare')
        || (capture([@wrap, 'true']))[1] ne '0';
    $ENV{STAPLE_WRAP} = "@wrap";
    return bless { socket => $socket }, $class;
}

sub socket { return $_[0]{socket} }

# The name in a query, and the place behind it.
sub name_of {
    my ($query) = @_;
    my ($at, $name) = (12, '');

    while (my $length = ord substr $query, $at, 1) {
        $name .= ($name eq '' ? '' : '.') . substr $query, $at + 1, $length;
        $at += 1 + $length;
    }
    return ($name, $at + 1);
}

# When and what to answer to a query, if at all.
sub answer {
    my ($query, $answer) = @_;
    my ($name, $at) = name_of($query);
    my $type = unpack 'n', substr $query, $at, 2;
    my ($delay, $found) = $answer->($name, $type);

    return if !defined $delay;
    return (time + $delay, substr($query, 0, 2)
        . pack('nnnnn', $found ? 0x8180 : 0x8183, 1, scalar @{ $found || [] },
               0, 0)
        . substr($query, 12, $at + 4 - 12)
        . join '', map { pack('nnnNn/a', 0xC00C, $type, 1, 0, $_) }
                       @{ $found || [] });
}

# Answers in a process of its own, which ends with this one.  The sub gets a
# name and a type (1: A, 28: AAAA), and returns a delay in seconds and the
# addresses, packed; no list of them: there is no such name; nothing: it is
# never answered.
sub serve {
    my ($self, $answer) = @_;
    my ($socket, $parent) = ($self->{socket}, $$);
    my $pid = fork // die "fork: $!\n";

    return $pid if $pid;
    my @later;
    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
    alarm 0;
    while (getppid() == $parent) {
        my $bits = '';
        vec($bits, fileno $socket, 1) = 1;
        if (select $bits, undef, undef, 0.1) {
            my $peer = recv $socket, my $query, 1500, 0;
            my ($at, $bytes) = defined $peer ? answer($query, $answer) : ();

            push @later, [$at, $bytes, $peer] if defined $at;
        }
        my @due = grep { $_->[0] <= time } @later;
        @later = grep { $_->[0] > time } @later;
        send $socket, $_->[1], 0, $_->[2] for @due;
    }
    POSIX::_exit(0);
}

1;
