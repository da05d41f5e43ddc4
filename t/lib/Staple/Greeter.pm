package Staple::Greeter;

# A server that talks in the clear, as a mail server does before STARTTLS, and
# then hands what it hears on to a TLS server; or that behaves badly.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use POSIX ();
use Time::HiRes ();

use Staple::Program ();
use Staple::Test ();

our @ISA = ('Staple::Program');

#   my $greeter = Staple::Greeter->new(behind => $tls_server->port, talk => [
#       '220-hello\n220 go on\n', qr/^EHLO /, "250 STARTTLS\r\n", ... ]);
#
# 'talk' is what it says, and patterns of the lines that it waits for.  Without
# 'behind' it then goes on as 'then' says: 'silence', 'close', or it repeats
# 'bytes' for ever, at once ('flood') or ten times a second ('drip').
sub new_dir { return Staple::Test::new_dir('greeter') }

sub command {
    my ($self) = @_;
    my @talk = map { ref $_ ? "?$_" : "!$_" } @{ $self->{talk} };

    return ($^X, (map { "-I$_" } @INC),
            '-MStaple::Greeter', '-e', 'Staple::Greeter::serve(@ARGV)',
            $self->{port}, $self->{behind} // 0, $self->{then} // 'silence',
            unpack('H*', $self->{bytes} // ''), @talk);
}

# ---- in the program itself ----

sub serve {
    my ($port, $behind, $then, $hex, @talk) = @_;
    my $listener = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 10,
        ReuseAddr => 1) or die "port $port: $!\n";

    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';
    for (;;) {
        my $client = $listener->accept or next;
        my $pid = fork // die "fork: $!\n";

        if ($pid == 0) {
            alarm 120;
            converse($client, @talk)
                && ($behind ? relay($client, $behind)
                            : misbehave($client, $then, pack('H*', $hex)));
            POSIX::_exit(0);
        }
        close $client;
    }
}

sub put {
    my ($socket, $text) = @_;

    while (length $text) {
        my $done = syswrite $socket, $text;
        return 0 if !$done;
        substr $text, 0, $done, '';
    }
    return 1;
}

# Says and hears what is to be said and heard; 0: something else was heard.
sub converse {
    my ($client, @talk) = @_;
    my $heard = '';

    for my $part (@talk) {
        my ($kind, $text) = $part =~ /\A(.)(.*)\z/s;

        if ($kind eq '!') {
            put($client, $text) or return 0;
            next;
        }
        while ($heard !~ /$text/) {
            sysread $client, $heard, 4096, length $heard or return 0;
        }
        $heard = '';
    }
    return 1;
}

sub relay {
    my ($client, $port) = @_;
    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port) or return;
    my %peer = ($client => $server, $server => $client);
    my $select = IO::Select->new($client, $server);

    while (my @ready = $select->can_read) {
        for my $from (@ready) {
            sysread $from, my $bytes, 16384 or return;
            put($peer{$from}, $bytes) or return;
        }
    }
}

sub misbehave {
    my ($client, $then, $bytes) = @_;

    return if $then eq 'close';
    if ($then eq 'flood') {
        while (put($client, $bytes)) { }
    }
    while ($then eq 'drip' && put($client, $bytes)) {
        Time::HiRes::sleep(0.1);
    }
    while (sysread $client, my $ignored, 4096) { }
}

1;
