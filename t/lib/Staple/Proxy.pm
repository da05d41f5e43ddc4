package Staple::Proxy;

# A forward proxy: an httpd of its own, by http and by https.

use strict;
use warnings;

use Staple::Process qw(read_file write_file wait_until);
use Staple::Server ();
use Staple::Test ();

#   my $proxy = Staple::Proxy->new(pki => $pki, name => 'one',
#                                  user => 'me', password => 'p%40 :x');
#   $proxy->url, $proxy->tls_url    # http://127.0.0.1:N, https://localhost:M
#   $proxy->saw(qr/GET http:/)      # lines "user status request"
#
# Without a user nobody is asked who he is.
sub new {
    my ($class, %opt) = @_;
    my $self = bless { %opt }, $class;
    my $dir = Staple::Test::new_dir('proxy');
    my $cert = $self->{pki}->cert("proxy-$self->{name}", san => 'localhost');
    my $who = '';

    $self->{log} = "$dir/access.log";
    if (defined $self->{user}) {
        write_file("$dir/users", "$self->{user}:"
                   . crypt($self->{password}, '$5$ocspstaple') . "\n");
        $who = "AuthType Basic\nAuthName proxy\nAuthBasicProvider file\n"
             . "AuthUserFile $dir/users\nRequire valid-user\n";
    }
    $self->{tls_port} = Staple::Server->another_port;
    $self->{server} = Staple::Server->new(
        without => ['ocspstaple'],
        modules => [qw(proxy proxy_http proxy_connect auth_basic authn_core
                       authn_file authz_user)],
        lines => "ProxyRequests On\nAllowCONNECT 1-65535\n"
               . "<Proxy \"*\">\n$who</Proxy>\nCustomLog $self->{log} \"%u %>s %r\"\n",
        vhosts => [
            { name => 'plain', plain => 1 },
            { name => 'localhost', port => $self->{tls_port},
              certs => [$cert] }])->start;
    return $self;
}

sub url     { return 'http://127.0.0.1:' . $_[0]{server}->port }
sub tls_url { return "https://localhost:$_[0]{tls_port}" }

# Requests that came through it and match.
sub saw {
    my ($self, $pattern) = @_;

    return grep { $_ =~ $pattern } split /\n/, read_file($self->{log}) // '';
}

sub wait_saw {
    my ($self, $pattern, $seconds) = @_;

    return wait_until(sub { scalar $self->saw($pattern) }, $seconds // 10);
}

sub stop { return $_[0]{server}->stop }

1;
