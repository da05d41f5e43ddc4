package Staple::Peers;

# Other servers that staple, with the same certificates: nginx, HAProxy, Caddy.

use strict;
use warnings;

use IO::Socket::INET ();
use Time::HiRes qw(time);

use Staple::Process qw(capture spawn reap wait_until free_port find_program
                       is_running read_file write_file);
use Staple::Test ();

# 'least' is the first version that fetches responses by itself.
my %peer = (
    nginx => { class => 'Staple::Peers::Nginx', program => 'nginx',
               version => ['-v'], least => '1.3.7' },
    HAProxy => { class => 'Staple::Peers::HAProxy', program => 'haproxy',
                 version => ['-v'], least => '2.8' },
    Caddy => { class => 'Staple::Peers::Caddy', program => 'caddy',
               version => ['version'], least => '2.6' },
);

sub names {
    my @names = sort keys %peer;
    return @names;
}

# Of what is installed; undef: nothing is.
sub version_of {
    my ($name) = @_;
    my $program = find_program($peer{$name}{program}) // return;
    my ($version) = capture([$program, @{ $peer{$name}{version} }])
        =~ /(\d+(?:\.\d+)+)/;

    return $version // 'unknown';
}

# Why it cannot be compared; empty: it can.
sub why_not {
    my ($name) = @_;
    my $version = version_of($name) // return 'not installed';
    my $least = $peer{$name}{least};

    return "its version is $version" if $version !~ /^\d/;
    return '' if version->parse("v$version") >= version->parse("v$least");
    return "is $version, fetches responses by itself from $least on";
}

# server(NAME, CERTS, stapling => 0): as much of Staple::Server as measuring
# needs; start() says whether it takes connections in time.
sub server {
    my ($name, $certs, %opt) = @_;
    my $self = bless {
        name => $name, port => free_port(), stapling => 1,
        root => Staple::Test::new_dir(lc $name),
        program => scalar(find_program($peer{$name}{program})), %opt,
    }, $peer{$name}{class};

    $self->configure($certs);
    return $self;
}

sub port { return $_[0]{port} }
sub pid  { return $_[0]{pid} }
sub file { return "$_[0]{root}/$_[1]" }

sub environment { return {} }

# Whether it fetches responses before it takes connections: then it is at work
# from its start on.
sub fetches_first { return 0 }

sub is_up {
    my ($self) = @_;

    return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                 PeerPort => $self->{port}) ? 1 : 0;
}

sub start {
    my ($self, %opt) = @_;

    $self->{started_at} = time;
    $self->{pid} = spawn([$self->command], $self->file('output'),
                         env => $self->environment);
    my $is_up = wait_until(sub {
        return is_running($self->{pid}) ? $self->is_up : 'ended';
    }, $opt{timeout} // 60) // return 0;

    die "$self->{name} does not start:\n",
        map { read_file($self->file($_)) // '' } qw(output error.log)
        if $is_up eq 'ended';
    $self->{started_at} = time if !$self->fetches_first;
    return 1;
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    kill 'TERM', $pid;
    defined reap($pid, 10) or kill('KILL', $pid) && reap($pid, 10);
    return;
}

sub DESTROY { local ($?, $@, $!); $_[0]->stop; return }

package Staple::Peers::Nginx;

use strict;
use warnings;

our @ISA = ('Staple::Peers');

sub command {
    my ($self) = @_;

    return ($self->{program}, '-p', $self->{root}, '-c',
            $self->file('nginx.conf'));
}

sub configure {
    my ($self, $certs) = @_;
    my $root = $self->{root};
    my $stapling = $self->{stapling} ? 'on' : 'off';
    my $text = <<"END";
daemon off;
user www-data;
worker_processes 2;
pid $root/pid;
error_log $root/error.log warn;
events { worker_connections 512; }
http {
access_log off;
server_names_hash_max_size 65536;
server_names_hash_bucket_size 128;
client_body_temp_path $root/body;
proxy_temp_path $root/proxy;
fastcgi_temp_path $root/fastcgi;
uwsgi_temp_path $root/uwsgi;
scgi_temp_path $root/scgi;
ssl_protocols TLSv1.2 TLSv1.3;
ssl_stapling $stapling;
END

    for my $cert (@$certs) {
        $text .= "server { listen 127.0.0.1:$self->{port} ssl; "
               . "server_name $cert->{name}; "
               . "ssl_certificate $cert->{chain}; "
               . "ssl_certificate_key $cert->{key}; }\n";
    }
    return Staple::Process::write_file("$root/nginx.conf", "$text}\n");
}

package Staple::Peers::HAProxy;

use strict;
use warnings;

our @ISA = ('Staple::Peers');

sub command {
    my ($self) = @_;

    return ($self->{program}, '-db', '-f', $self->file('haproxy.cfg'));
}

# A certificate, its chain and its key are one file; it takes a delegate's
# signature only where the root is there, too.
sub configure {
    my ($self, $certs) = @_;
    my $option = $self->{stapling} ? ' [ocsp-update on]' : '';
    my $list = '';

    for my $cert (@$certs) {
        my $file = $self->file("$cert->{name}.pem");

        Staple::Process::write_file($file, join '',
            map { Staple::Process::read_file($_) }
                $cert->{chain}, "$cert->{dir}/root.pem", $cert->{key});
        $list .= "$file$option $cert->{name}\n";
    }
    Staple::Process::write_file($self->file('list'), $list);
    return Staple::Process::write_file($self->file('haproxy.cfg'), <<"END");
global
    nbthread 2
    maxconn 512

defaults
    mode http
    timeout client 30s
    timeout http-request 30s

frontend tls
    bind 127.0.0.1:$self->{port} ssl crt-list $self->{root}/list
    http-request return status 200
END
}

package Staple::Peers::Caddy;

use strict;
use warnings;

our @ISA = ('Staple::Peers');

sub command {
    my ($self) = @_;

    return ($self->{program}, 'run', '--config', $self->file('caddy.json'));
}

sub fetches_first { return 1 }

# What it keeps, staples among it, starts empty and is gone afterwards.
sub environment {
    my ($self) = @_;

    return { HOME => $self->{root}, XDG_DATA_HOME => $self->file('data'),
             XDG_CONFIG_HOME => $self->file('config') };
}

# No certificates of its own, no redirects, no interface for administrators.
sub configure {
    my ($self, $certs) = @_;
    require JSON::PP;

    my %server = (
        listen => ["127.0.0.1:$self->{port}"],
        automatic_https => { disable => JSON::PP::true() },
        tls_connection_policies => [{}],
        routes => [{ handle => [{ handler => 'static_response' }] }],
    );
    my %tls = (certificates => {
        load_files => [map {
            { certificate => $_->{chain}, key => $_->{key} }
        } @$certs] });

    $tls{disable_ocsp_stapling} = JSON::PP::true() if !$self->{stapling};
    return Staple::Process::write_file(
        $self->file('caddy.json'), JSON::PP->new->canonical->pretty->encode({
            admin => { disabled => JSON::PP::true(),
                       config => { persist => JSON::PP::false() } },
            logging => { logs => { default => { level => 'ERROR' } } },
            apps => { http => { servers => { tls => \%server } },
                      tls => \%tls },
        }));
}

1;
