package Staple::ListServer;

# An HTTP server for files, most of all for CRLs: conditional requests, and
# whatever can go wrong on the way.

use strict;
use warnings;

use Digest::SHA ();
use IO::Select ();
use IO::Socket::INET ();
use POSIX ();
use Socket ();
use Time::HiRes qw(time);

use Staple::Process qw(wait_until read_file write_file);
use Staple::Program ();

our @ISA = ('Staple::Program');

#   my $lists = Staple::ListServer->new(dir => new_dir('lists'));
#   $lists->put('ca.crl', $der);
#   $lists->fault('ca.crl', 'trickle');        # from the next request on
#   $lists->fault('ca.crl');                   # as it was
#   $lists->count('ca.crl', status => 304);
#
# Faults:
#   status=CODE     that status, without a list
#   html            a page with status 200
#   empty           status 200 and no body
#   hang            no answer
#   stall           half of the list, and nothing more
#   close           half of the list, and the end of the connection
#   trickle         a byte each 100 ms
#   endless         1 GiB, and Content-Length says so
#   endless-bare    the same without Content-Length
#   slow=MS         the list, after that time
sub url {
    my ($self, $path) = @_;

    return "http://127.0.0.1:$self->{port}/$path";
}

sub command {
    my ($self) = @_;

    return ($^X, (map { "-I$_" } grep { !ref } @INC), '-MStaple::ListServer',
            '-e', 'Staple::ListServer::serve(@ARGV)', $self->{port},
            $self->{dir});
}

sub put {
    my ($self, $path, $bytes) = @_;

    write_file($self->file($path), $bytes);
    return $self;
}

sub remove {
    my ($self, $path) = @_;

    unlink $self->file($path);
    return $self;
}

sub fault {
    my ($self, $path, $fault) = @_;

    if (defined $fault) {
        write_file($self->file("$path.fault"), $fault);
    }
    else {
        unlink $self->file("$path.fault");
    }
    return $self;
}

# ---- what was asked ----

# Since the last clear_log: time, path, status, match (If-None-Match), since
# (If-Modified-Since); the last two are empty where there was none.
sub requests {
    my ($self) = @_;
    my $log = substr read_file($self->file('log')) // '', $self->{log_at} // 0;

    return map {
        my %request;
        @request{qw(time path status match since)} = split /\t/, $_, -1;
        \%request;
    } $log =~ /(.*)\n/g;
}

# Of a path; of those with this status; of those with that member, 'match' or
# 'since'.
sub count {
    my ($self, $path, %opt) = @_;
    my @requests = grep {
        my $request = $_;
        $request->{path} eq $path
            && (!defined $opt{status} || $request->{status} eq $opt{status})
            && (!defined $opt{with} || $request->{ $opt{with} } ne '');
    } $self->requests;

    return scalar @requests;
}

# Waits until it was asked for that often since the last clear_log.
sub wait_count {
    my ($self, $path, $count, $seconds, %opt) = @_;

    return wait_until(sub { $self->count($path, %opt) >= $count }, $seconds);
}

sub clear_log {
    my ($self) = @_;

    $self->{log_at} = -s $self->file('log') // 0;
    return $self;
}

# ---- the server: one process, all connections at once ----

my $GIB = 1 << 30;
my $PIECE = 'x' x 65536;

sub http {
    my ($status, $fields, $body) = @_;

    return "HTTP/1.1 $status What\r\nConnection: close\r\n"
        . join('', map { "$_->[0]: $_->[1]\r\n" } @$fields)
        . "\r\n" . ($body // '');
}

sub note {
    my ($dir, @columns) = @_;

    open my $log, '>>', "$dir/log" or die "log: $!\n";
    syswrite $log, join("\t", @columns) . "\n";
    close $log;
    return;
}

# What is sent for a request: { status, out, and how it goes on }.
sub answer {
    my ($dir, $path, $field) = @_;
    my ($fault, $value) = split /=/, read_file("$dir/$path.fault") // '';
    my $body = read_file("$dir/$path");
    my @type = (['Content-Type', 'application/pkix-crl']);

    $fault //= '';
    return { status => $value, out => http($value, [['Content-Length', 0]]) }
        if $fault eq 'status';
    return { status => 404, out => http(404, [['Content-Length', 0]]) }
        if !defined $body;
    return { status => 200, out => http(200, [['Content-Type', 'text/html']],
                                        "<html>sign in</html>\n") }
        if $fault eq 'html';
    return { status => 200, out => http(200, [@type, ['Content-Length', 0]]) }
        if $fault eq 'empty';
    return { status => 0, out => '', hangs => 1 } if $fault eq 'hang';
    return { status => 200, endless => $GIB, out => http(200, [@type,
                 $fault eq 'endless' ? ['Content-Length', $GIB] : ()]) }
        if $fault =~ /^endless/;

    my $etag = '"' . Digest::SHA::sha1_hex($body) . '"';
    my $modified = POSIX::strftime(
        '%a, %d %b %Y %H:%M:%S GMT', gmtime((stat "$dir/$path")[9]));
    my @known = (['ETag', $etag], ['Last-Modified', $modified]);

    return { status => 304, out => http(304, \@known) }
        if $fault eq ''
            && ($field->{'if-none-match'}
                    ? $field->{'if-none-match'} eq $etag
                    : ($field->{'if-modified-since'} // '') eq $modified);

    my $head = http(200, [@type, @known, ['Content-Length', length $body]]);
    my $half = substr $body, 0, length($body) / 2;

    return { status => 200, out => $head . $half, hangs => $fault eq 'stall' }
        if $fault eq 'stall' || $fault eq 'close';
    return { status => 200, out => $head . $body,
             $fault eq 'trickle' ? (trickles => length $head) : (),
             $fault eq 'slow' ? (at => time + $value / 1000) : () };
}

# Reads of a request; its answer as soon as it is whole.
sub take {
    my ($dir, $connection) = @_;
    my $count = sysread $connection->{socket}, $connection->{in}, 65536,
                        length $connection->{in};

    return 0 if !$count;
    my ($method, $path, $head) = $connection->{in}
        =~ m{\A(\S+) /(\S*) [^\n]*\n(.*?)\r?\n\r?\n}s or return 1;
    my %field = map { /^([^:]+):\s*(.*?)\r?$/ ? (lc $1, $2) : () }
                split /\n/, $head;
    my $answer = answer($dir, $path, \%field);

    note($dir, time, $path, $answer->{status}, $field{'if-none-match'} // '',
         $field{'if-modified-since'} // '');
    $connection->{in} = '';
    $connection->{answer} = $answer;
    return 1;
}

# Sends some; 0: that was the end.
sub give {
    my ($connection) = @_;
    my $answer = $connection->{answer};
    my $len = length $answer->{out};

    if ($len == 0 && $answer->{endless}) {
        $answer->{out} = $PIECE;
        $answer->{endless} -= $len = length $PIECE;
    }
    if (defined $answer->{trickles}) {
        $len = $answer->{trickles} || 1;
        $answer->{trickles} = 0;
        $answer->{at} = time + 0.1;
    }
    my $count = syswrite $connection->{socket}, $answer->{out}, $len;

    return $!{EAGAIN} ? 1 : 0 if !defined $count;
    substr $answer->{out}, 0, $count, '';
    return $answer->{out} ne '' || $answer->{endless} || $answer->{hangs};
}

# Has it something to send now?
sub is_ready_to_give {
    my ($connection, $now) = @_;
    my $answer = $connection->{answer} or return 0;

    return ($answer->{out} ne '' || $answer->{endless})
        && ($answer->{at} // 0) <= $now;
}

sub serve {
    my ($port, $dir) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                       LocalPort => $port, Listen => 64,
                                       ReuseAddr => 1)
        or die "port $port: $!\n";
    my %connections;

    local $SIG{PIPE} = 'IGNORE';
    for (;;) {
        my $now = time;
        my $readers = IO::Select->new($listen,
                                      map { $_->{socket} } values %connections);
        my $writers = IO::Select->new(map { $_->{socket} }
                                      grep { is_ready_to_give($_, $now) }
                                      values %connections);
        my ($read, $write) = IO::Select->select($readers, $writers, undef,
                                                0.02);

        for my $socket (@{ $write // [] }) {
            give($connections{$socket}) or delete $connections{$socket};
        }
        for my $socket (@{ $read // [] }) {
            if ($socket == $listen) {
                my $new = $listen->accept or next;

                $new->blocking(0);
                $connections{$new} = { socket => $new, in => '' };
            }
            elsif ($connections{$socket}) {
                take($dir, $connections{$socket})
                    or delete $connections{$socket};
            }
        }
    }
    return;
}

1;
