# Names of responders that do not resolve, or to addresses that are dead.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Socket qw(inet_aton inet_pton AF_INET6);
use Staple::Test;
use Staple::Faults;
use Staple::NameServer;
use Time::HiRes qw(time);

my $names = Staple::NameServer->new;
my $ipv6 = eval { require IO::Socket::IP; 1 }
    && IO::Socket::IP->new(LocalHost => '::1', Listen => 1);

my @dead = map { "127.9.8.$_" } 1 .. 7;
my %a = ('slow.example' => ['127.0.0.1'], 'dead.example' => \@dead,
         'many.example' => [@dead, '127.251.7.7']);
my %aaaa = ('ipv6.example' => ['::1']);

serve($names->socket) if $names;
Staple::Faults::show('names', need => {
    'no port 53, or no mount namespace' => $names, 'no IPv6' => $ipv6 });

# The answer to one query: addresses, none, or (NXDOMAIN) no such name.
sub answer {
    my ($query) = @_;
    my ($id, $at, $name) = (substr($query, 0, 2), 12, '');

    while (my $length = ord substr $query, $at, 1) {
        $name .= ($name eq '' ? '' : '.') . substr $query, $at + 1, $length;
        $at += 1 + $length;
    }
    return if $name eq 'silent.example';
    my $question = substr $query, 12, $at + 5 - 12;
    my $type = unpack 'n', substr $query, $at + 1, 2;
    my @found = $type == 1  ? map { inet_aton($_) } @{ $a{$name} || [] }
              : $type == 28 ? map { inet_pton(AF_INET6, $_) }
                                  @{ $aaaa{$name} || [] }
              :               ();
    my $known = $a{$name} || $aaaa{$name};

    return ($name, $id . pack('nnnnn', $known ? 0x8180 : 0x8183, 1,
                              scalar @found, 0, 0) . $question
        . join '', map { pack('nnnNn/a', 0xC00C, $type, 1, 0, $_) } @found);
}

# Answers in a process of its own, which ends with this one.
sub serve {
    my ($socket) = @_;
    my $parent = $$;
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
            my ($name, $answer) = defined $peer ? answer($query) : ();

            push @later, [time + ($name eq 'slow.example'), $answer, $peer]
                if defined $answer;
        }
        my @due = grep { $_->[0] <= time } @later;
        @later = grep { $_->[0] > time } @later;
        send $socket, $_->[1], 0, $_->[2] for @due;
    }
    require POSIX;
    POSIX::_exit(0);
}
