package Staple::Program;

# A program on a port of its own, in the background: started, and killed.

use strict;
use warnings;

use IO::Socket::INET ();

use Staple::Process qw(spawn reap wait_until free_port read_file);

# A class of these says what is run, in command(), and may say when it is ready
# to be asked and what is to be done beforehand.  Its objects have the port, the
# process id 'pid' while it runs, and a directory 'dir' for the file 'output'
# and others.  It ends with its object.
sub new {
    my ($class, %opt) = @_;
    my $self = bless { %opt, owner => $$ }, $class;

    $self->{port} //= free_port();
    $self->{dir} //= $self->new_dir;
    $self->prepare;
    return $self->start;
}

sub port { return $_[0]{port} }
sub file { return "$_[0]{dir}/$_[1]" }

sub prepare { return $_[0] }

sub connection {
    my ($self) = @_;

    return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                 PeerPort => $self->{port}, Timeout => 5);
}

sub is_ready { return $_[0]->connection ? 1 : 0 }

sub start {
    my ($self) = @_;

    return $self if $self->{pid};
    $self->{pid} = spawn([$self->command], $self->file('output'));
    my $ready = wait_until(sub {
        defined reap($self->{pid}, 0) ? 'ended' : $self->is_ready;
    }, 20, 0.005) // 'late';

    if ($ready eq 'ended' || $ready eq 'late') {
        delete $self->{pid} if $ready eq 'ended';
        die ref $self, " does not start: ",
            read_file($self->file('output')) // '', "\n";
    }
    return $self;
}

sub signal {
    my ($self, $signal) = @_;

    kill $signal, $self->{pid};
    return $self;
}

# Kills it; its port refuses connections then.
sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return $self;

    kill 'KILL', $pid;
    reap($pid, 10);
    return $self;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $!, $@);

    $self->stop if $self->{owner} == $$;
}

1;
