package Staple::Events;

# The event log, the event command and the variables of a server, as tests see
# them.

use strict;
use warnings;

use JSON::PP ();

use Staple::Process qw(capture wait_until read_file write_file);
use Staple::Test ();

#   my $events = Staple::Events->new;
#   my $server = Staple::Server->new(lines => $events->lines, ...);
#   $events->wait_for(10, event => 'revoked', name => 'a.example');
#
# Its directory may be written by httpd's User.
sub new {
    my ($class) = @_;
    my $dir = Staple::Test::new_dir('events');

    chmod 0777, $dir or die "$dir: $!\n";
    return bless { dir => $dir, log => "$dir/events.log" }, $class;
}

sub dir { return $_[0]{dir} }
sub log { return $_[0]{log} }

# The directive for a log file.
sub lines { return "OCSPStapleEventLog $_[0]{log}\n" }

# The directive for an access log with these OCSP_STAPLE_... variables.
sub access_lines {
    my ($self, @variables) = @_;

    return "CustomLog $self->{dir}/access.log \""
        . join(' ', '%v', map { "%{OCSP_STAPLE_$_}e" } @variables) . "\"\n";
}

# One request to a virtual host by a client that asks for no staple; what its
# line of the access log says.
sub access {
    my ($self, $server, $name) = @_;
    my $port = $server->port;
    my $lines = sub { map { /^\Q$name\E (.*)/ ? $1 : () } split /\n/,
                      read_file("$self->{dir}/access.log") // '' };
    my $before = $lines->();

    capture(['curl', '-sk', '--noproxy', '*', '--resolve',
             "$name:$port:127.0.0.1", "https://$name:$port/"]);
    wait_until(sub { $lines->() > $before }, 10);
    return ($lines->())[-1];
}

# A program for OCSPStapleEventCommand: a shell script with this text, in which
# $dir is the directory.
sub program {
    my ($self, $name, $text) = @_;
    my $path = "$self->{dir}/$name";

    write_file($path, "#!/bin/sh\ndir=$self->{dir}\n$text");
    chmod 0755, $path or die "$path: $!\n";
    return $path;
}

# All events so far, each a hash; dies when a line is not a JSON object.  A
# last line without its newline is not there yet.
sub all {
    my ($self, $path) = @_;
    my $text = read_file($path // $self->{log}) // '';
    my $json = JSON::PP->new->utf8;

    return map {
        my $event = eval { $json->decode($_) };

        die "not a JSON object: $_\n" if ref $event ne 'HASH';
        $event;
    } $text =~ /(.*)\n/g;
}

# Those that match: by event, by name (the certificate's, as testpki gave it)
# or by any other member.
sub matching {
    my ($self, %match) = @_;
    my $name = delete $match{name};

    return grep {
        my $event = $_;

        (!defined $name
         || ($event->{certificate}{subject} // '') =~ /CN=\Q$name\E(?:,|$)/)
            && !grep { ($event->{$_} // '') ne $match{$_} } keys %match;
    } $self->all;
}

# The first that matches, as soon as there is one; undef after the time.
sub wait_for {
    my ($self, $seconds, %match) = @_;

    return wait_until(sub { ($self->matching(%match))[0] }, $seconds);
}

# "event" or, with names, "event name" of all of them, in order.
sub names {
    my ($self, %match) = @_;

    return map { $_->{event} } $self->matching(%match);
}

1;
