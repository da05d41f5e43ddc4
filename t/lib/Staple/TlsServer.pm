package Staple::TlsServer;

# `openssl s_server` that staples whatever is in a file, or nothing.

use strict;
use warnings;

use IO::Socket::INET ();

use Staple::Program ();
use Staple::Test ();

our @ISA = ('Staple::Program');

#   my $server = Staple::TlsServer->new(cert => $cert, issuer => $pki->issuer_file,
#                                       staple => $file, args => ['-tls1_2']);
#
# Without 'issuer' it sends the certificate alone, without 'staple' none.  'v6'
# makes it listen on ::1 instead of 127.0.0.1.
sub new_dir { return Staple::Test::new_dir('tls') }

sub address { return $_[0]{v6} ? "[::1]:$_[0]{port}" : "127.0.0.1:$_[0]{port}" }

sub command {
    my ($self) = @_;
    my $cert = $self->{cert};

    return ('openssl', 's_server', '-accept', $self->address, '-www',
            '-cert', $cert->{leaf}, '-key', $cert->{key},
            $self->{issuer} ? ('-cert_chain', $self->{issuer}) : (),
            $self->{staple} ? ('-status_file', $self->{staple}) : (),
            @{ $self->{args} || [] });
}

# It takes one connection at a time, so it is not asked for one; it says when
# it listens.
sub is_ready {
    my ($self) = @_;

    return (Staple::Process::read_file($self->file('output')) // '')
        =~ /^ACCEPT/m;
}

1;
