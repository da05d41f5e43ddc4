package Staple::Shared;

# Stores that several httpd share: Redis and memcached, and fleets of httpd.

use strict;
use warnings;

use Digest::SHA ();
use Exporter 'import';

use Staple::Program ();
use Staple::Test ();

our @ISA = ('Staple::Program');
our @EXPORT = qw(fleet start_fleet refreshed shared_value);

# $n servers with the same certificates and the same further configuration.
sub fleet {
    my ($n, $certs, %opt) = @_;
    my $lines = delete $opt{vhost_lines} // "OCSPStaple On\n";

    return map {
        Staple::Server->new(
            vhosts => [map { { name => $_->{name}, certs => [$_],
                               lines => $lines } } @$certs], %opt)
    } 1 .. $n;
}

# Starts all of them at the same time.
sub start_fleet {
    my (@servers) = @_;

    $_->launch for @servers;
    for my $server (@servers) {
        $server->await or die "httpd does not start:\n", $server->startup_log,
            $server->log_tail(30);
    }
    return @servers;
}

# A value as the module writes it, for a certificate by its SHA-256 in
# hexadecimal, with this response, fetched at `fetched` (now).
sub shared_value {
    my ($sha256, $der, %opt) = @_;
    my $ok = 0x663437af; # the reason "ok": staple_reason_code()
    my $text = 'OCSPSTP1' . pack('H*', $sha256)
             . pack('q> q> Q> q> N4 C4 N', 0, 0,
                    ($opt{fetched} // time) * 1_000_000, 0, 0, 0, ($ok) x 2,
                    (0) x 4, length $der) . $der;

    return $text . Digest::SHA::sha256($text);
}

# How often this server got a new response so far.
sub refreshed {
    my ($server) = @_;

    return scalar $server->log_lines(qr/, for another \d+ s, next request in/);
}

# ---- a server of any kind on a port of its own ----

#   my $redis = Staple::Shared::Redis->new;
#   $redis->signal('STOP');

sub new_dir { return Staple::Test::new_dir('store') }

package Staple::Shared::Redis;

use strict;
use warnings;

our @ISA = ('Staple::Shared');

# What OCSPStapleShared needs of it.
sub modules { return 'socache_redis' }
sub address { return "redis:127.0.0.1:$_[0]{port}" }

# As docs/fleet.md has it.
sub lines {
    my ($self) = @_;

    return 'OCSPStapleShared ' . $self->address . "\nRedisConnPoolTTL 1\n";
}

sub command {
    my ($self) = @_;

    return ('redis-server', '--port', $self->{port}, '--bind', '127.0.0.1',
            '--save', '', '--appendonly', 'no', '--dir', $self->{dir},
            @{ $self->{args} || [] });
}

sub read_reply {
    my ($socket) = @_;
    my $line = <$socket> // die "no reply\n";
    my ($kind, $rest) = $line =~ /^(.)(.*)\r\n/ or die "reply: $line\n";

    die "$rest\n" if $kind eq '-';
    return $rest if $kind eq '+' || $kind eq ':';
    return [map { read_reply($socket) } 1 .. $rest] if $kind eq '*';
    return if $rest < 0;
    read $socket, my $data, $rest + 2;
    return substr $data, 0, $rest;
}

# One command of Redis and its reply.
sub ask {
    my ($self, @words) = @_;
    my $socket = $self->connection or die "no connection to Redis\n";

    print {$socket} '*' . @words . "\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } @words;
    return read_reply($socket);
}

# The keys of values, without those of notes.
sub keys_of_values {
    my ($self) = @_;

    return grep { /^ocspstaple:[0-9a-f]{64}$/ } @{ $self->ask('KEYS', '*') };
}

# As if the seconds that they last were over.
sub forget_notes {
    my ($self) = @_;
    my @notes = grep { /^ocspstaple:[0-9a-f]{66}$/ } @{ $self->ask('KEYS', '*') };

    $self->ask('DEL', @notes) if @notes;
    return $self;
}

package Staple::Shared::Memcached;

use strict;
use warnings;

our @ISA = ('Staple::Shared');

sub modules { return 'socache_memcache' }
sub address { return "memcache:127.0.0.1:$_[0]{port}" }

sub lines {
    my ($self) = @_;

    return 'OCSPStapleShared ' . $self->address . "\nMemcacheConnTTL 1\n";
}

sub command {
    my ($self) = @_;

    return ('memcached', '-l', '127.0.0.1', '-p', $self->{port}, '-U', 0,
            '-u', 'nobody');
}

1;
