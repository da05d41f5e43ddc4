package Staple::Status;

# The status handler of a server under test: asked for, and taken apart.

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET ();
use JSON::PP ();

use Staple::Process qw(wait_until scale);

our @EXPORT = qw(status_lines status_vhost status_get status_json
                 status_metrics status_row wait_status);

# Configuration of the virtual host that shows the status at /.
sub status_lines { return <<'END' }
<Location "/">
    SetHandler ocspstaple-status
    Require ip 127.0.0.1
</Location>
<Location "/server-status">
    SetHandler server-status
    Require ip 127.0.0.1
</Location>
END

# A virtual host for Staple::Server's 'vhosts', with no TLS, at a port of its
# own; 'modules' of the server must have authz_host and status.
sub status_vhost {
    my ($port) = @_;

    return { name => 'status.example', port => $port, plain => 1,
             lines => status_lines() };
}

# The row of the certificate of NAME.example; an empty one where there is none.
sub status_row {
    my ($json, $name) = @_;
    my ($row) = grep { $_->{subject} eq "CN=$name.example" }
                @{ $json->{certificates} };

    return $row // {};
}

# One HTTP request: status, headers (names in lower case) and body.
sub status_get {
    my ($port, $path, %opt) = @_;
    my $method = $opt{method} // 'GET';
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port,
                                       Timeout => scale(10))
        or die "port $port: $!\n";

    print {$socket} "$method $path HTTP/1.1\r\nHost: status.example\r\n"
        . "Connection: close\r\nContent-Length: 0\r\n\r\n";
    my $text = do { local $/; <$socket> } // '';
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($first, @lines) = split /\r\n/, $head // '';
    my ($status) = ($first // '') =~ /^HTTP\/1\.1 (\d+)/;
    my %headers = map { /^([^:]+):\s*(.*)/ ? (lc $1, $2) : () } @lines;

    $body //= '';
    if (($headers{'transfer-encoding'} // '') eq 'chunked') {
        my $whole = '';
        while ($body =~ s/^([0-9a-fA-F]+)\r\n//) {
            my $len = hex $1 or last;
            $whole .= substr $body, 0, $len;
            $body = substr $body, $len + 2;
        }
        $body = $whole;
    }
    return ($status, \%headers, $body);
}

sub status_json {
    my ($port) = @_;
    my (undef, undef, $body) = status_get($port, '/?format=json');

    return JSON::PP->new->decode($body);
}

# Waits until the status is as $is_so wants it; returns it then.
sub wait_status {
    my ($port, $is_so, $seconds) = @_;

    return wait_until(sub {
        local $_ = status_json($port);
        return $is_so->($_) ? $_ : undef;
    }, $seconds // 15);
}

# The metrics as a hash from series to value.  Dies of what breaks the rules of
# the text format 0.0.4: each metric has its HELP, TYPE and series together,
# once; no series comes twice; names, labels and values are well-formed.
sub status_metrics {
    my ($text) = @_;
    my (%seen, %value, $metric, $type);

    die "the last line has no end\n" if $text !~ /\n\z/;
    for my $line (split /\n/, $text) {
        if ($line =~ /^# HELP ([a-z_]+) \S.*$/) {
            $metric = $1;
            die "$metric comes twice\n" if $seen{$metric}++;
            die "$metric has another prefix\n" if $metric !~ /^ocspstaple_/;
            undef $type;
        }
        elsif ($line =~ /^# TYPE ([a-z_]+) (counter|gauge)$/) {
            die "$line: not after its HELP\n" if $1 ne $metric || $type;
            $type = $2;
            die "$metric: a counter ends in _total, and nothing else does\n"
                if ($type eq 'counter') != ($metric =~ /_total$/ ? 1 : 0);
        }
        elsif ($line =~ /^([a-z_]+)((?:\{[a-z]+="(?:[^"\\\n]|\\[\\"n])*"\})?)
                         \x20(-?[0-9.]+(?:e[+-]?\d+)?)$/x) {
            die "$line: not after its TYPE\n" if $1 ne $metric || !$type;
            die "$line: comes twice\n" if exists $value{"$1$2"};
            $value{"$1$2"} = $3;
        }
        else {
            die "$line: not a line of the format\n";
        }
    }
    return \%value;
}

1;
