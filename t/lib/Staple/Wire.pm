package Staple::Wire;

# Packets of the loopback interface, captured and read by tshark.

use strict;
use warnings;

use Staple::Process qw(capture spawn reap wait_until);
use Staple::Test ();

# Starts to capture what goes over this port; returns when it really does.
sub new {
    my ($class, $port) = @_;
    my $dir = Staple::Test::new_dir('wire');
    my $self = bless { dir => $dir, port => $port,
                       file => "$dir/wire.pcapng" }, $class;

    chmod 0777, $dir; # dumpcap drops its privileges
    $self->{pid} = spawn(['tshark', '-q', '-i', 'lo', '-f', "tcp port $port",
                          '-w', $self->{file}], "$dir/tshark.log");
    # The file begins when the interface and the filter are ready.
    my $is_on = wait_until(sub { return -s $self->{file} }, 10);
    return $is_on ? $self : undef;
}

# What clients are told to write their keys to (s_client -keylogfile).
sub key_log { return "$_[0]{dir}/keys" }

# Ends the capture once this many TCP connections were closed in it.
sub stop {
    my ($self, $connections) = @_;

    wait_until(sub {
        my $text = capture(['tshark', '-r', $self->{file}, '-Y',
                            'tcp.flags.fin == 1 || tcp.flags.reset == 1',
                            '-T', 'fields', '-e', 'tcp.stream']);
        my %closed = map { $_ => 1 } $text =~ /^(\d+)$/mg;
        return keys %closed >= $connections;
    }, 10, 0.2);
    kill 'INT', $self->{pid};
    reap($self->{pid}, 10);
    return $self;
}

# The fields of all packets that match, a list of array references; with the
# keys where there are any.
sub fields {
    my ($self, $filter, @fields) = @_;
    my $keys = $self->key_log;
    my ($text) = capture([
        'tshark', '-r', $self->{file}, '-d', "tcp.port==$self->{port},tls",
        -e $keys ? ('-o', "tls.keylog_file:$keys") : (),
        '-Y', $filter, '-T', 'fields', map { ('-e', $_) } @fields],
        timeout => 30);

    return map { [split /\t/, $_, -1] }
        grep { !/^Running as user|^$|tshark:/ } split /\n/, $text;
}

1;
