package Staple::Clients;

# TLS clients of every sort that ask for a staple: what each makes of one.

use strict;
use warnings;

use Fcntl qw(LOCK_EX);
use File::Basename qw(dirname);
use File::Path ();

use Staple::Client ();
use Staple::Process qw(capture find_program read_file);
use Staple::Server ();
use Staple::Test ();

# A row: its name, the programs that it takes, the Debian package of these when
# build/test installs it with --all only, how it is run, and
#
#   revoked   what it says when it refuses what is stapled as revoked; without,
#             it shows staples and does not judge them
#   needs     'staple': it refuses whatever has none; 'must-staple': certificates
#             that ask for one; without, it never does
#   largest   the largest staple that it takes, for each version of TLS where
#             that is less than 65527 bytes; 'message': the largest handshake
#             message, which in TLS 1.3 has the certificates in it, too
my @rows = (
    { name => 'OpenSSL', tools => ['openssl'], run => \&openssl,
      largest => { '1.2' => 16_380 } },
    { name => 'curl', tools => ['curl'], run => \&curl,
      revoked => qr/status: revoked/, needs => 'staple',
      largest => { '1.2' => 16_380 } },
    { name => 'GnuTLS', tools => ['gnutls-cli'], run => \&gnutls,
      revoked => qr/certificate chain is revoked/, needs => 'must-staple' },
    { name => 'Java', tools => [qw(java javac)], run => \&java,
      package => 'default-jdk-headless', make => \&make_java,
      revoked => qr/has been revoked/, needs => 'staple',
      largest => { message => 32_768 } },
    { name => 'Go', tools => ['go'], run => \&go, package => 'golang-go',
      make => \&make_go, largest => { message => 65_536 } },
    { name => 'NSS', tools => [qw(tstclnt certutil)], run => \&nss,
      package => 'libnss3-tools', revoked => qr/return code 3\b/,
      needs => 'staple' },
);

#   my $clients = Staple::Clients->new(pki => $pki);
#   for my $client ($clients->all) {
#     SKIP: {
#         skip $client->{missing}, 2 if $client->{missing};
#         my $got = $clients->shake($client, $server, 'a.example', tls => '1.2');
#
# $got is { ok => the handshake came about and the certificate was taken,
# stapled => it saw a staple, text }, and sha1, the staple's, of those clients
# that can tell.
sub new {
    my ($class, %opt) = @_;

    return bless { %opt, dir => Staple::Test::new_dir('clients') }, $class;
}

sub all {
    my ($self) = @_;

    return map { { %$_, missing => missing($_) } } @rows;
}

# Why a client cannot be had, or ''.
sub missing {
    my ($row) = @_;
    my ($tool) = grep { !find_program($_) } @{ $row->{tools} };

    return !$tool           ? ''
         : $row->{package} ? "$tool is not installed: build/test --all installs it"
         :                    "$tool is not installed";
}

sub shake {
    my ($self, $client, $server, $name, %opt) = @_;

    if (my $make = $client->{make}) {
        $self->{made}{ $client->{name} } //= $make->();
    }
    return $client->{run}->($self, $server, $name, %opt);
}

# The largest staple for a certificate that a client takes; undef: any that
# there can be.
sub largest {
    my ($client, $cert, $tls) = @_;
    my $largest = $client->{largest} or return;
    my $message = $largest->{message} or return $largest->{$tls};

    return $message - 4 if $tls eq '1.2';
    # Certificate (RFC 8446, 4.4.2): a byte and three of length; each certificate
    # with three of length, two for its extensions, of which the first has four
    # of type and length, and four within.
    my @lengths = map { length } ders($cert->{chain});
    my $bytes = 4 + 8;
    $bytes += 3 + $_ + 2 for @lengths;
    return $message - $bytes;
}

# What lets the module staple as much as any client takes.
sub any_size {
    my $directive = 'OCSPStapleMaxSize';

    return read_file(Staple::Server::module()) =~ /$directive/
        ? "$directive 65527\n" : '';
}

sub ders {
    my ($file) = @_;
    require MIME::Base64;

    return map { MIME::Base64::decode_base64($_) }
        read_file($file) =~ /-----BEGIN CERTIFICATE-----(.*?)-----END/gs;
}

# ---- programs of ours ----

# The folder of what is compiled, once for all tests; whoever has the lock makes
# it.
sub compiled {
    my ($source, $target, $command, %env) = @_;
    my $dir = "$ENV{PWD}/" . Staple::Test::top_builddir() . '/t/clients/made';
    my $file = dirname(__FILE__) . "/../../clients/$source";

    File::Path::make_path($dir);
    open my $lock, '>', "$dir/lock" or die "$dir/lock: $!\n";
    flock $lock, LOCK_EX or die "$dir/lock: $!\n";
    if (!-e "$dir/$target" || (stat _)[9] < (stat $file)[9]) {
        my ($text, $status) = capture([$command->($dir, $file)], timeout => 120,
                                      env => { %env, GOCACHE => "$dir/cache" });

        die "$source: $text\n" if $status;
    }
    return $dir;
}

sub make_java {
    return compiled('StapleClient.java', 'StapleClient.class',
                    sub { ('javac', '-d', @_) });
}

# From its own library alone: nothing is fetched.
sub make_go {
    return compiled('staple_client.go', 'staple_client', sub {
        my ($dir, $file) = @_;
        return ('go', 'build', '-o', "$dir/staple_client", $file);
    }, GO111MODULE => 'off', GOPROXY => 'off', GOFLAGS => '',
       GOTOOLCHAIN => 'local');
}

# What they print.
sub parse {
    my ($text, $status) = @_;
    my @sha1 = $text =~ /^staple \d+ (\w+)/mg;

    return { text => $text, stapled => scalar @sha1, sha1 => $sha1[0],
             ok => $status eq '0' && $text =~ /^handshake /m ? 1 : 0 };
}

# ---- how each is run ----

my $seconds = 20;

sub openssl {
    my ($self, $server, $name, %opt) = @_;
    my $got = Staple::Client::staple($server, $name, tls => $opt{tls},
                                     ca => $self->{pki}->ca_file,
                                     timeout => $seconds);

    return { text => $got->{text}, stapled => $got->{sent},
             ok => $got->{ok} && $got->{verify} == 0 };
}

sub curl {
    my ($self, $server, $name, %opt) = @_;
    my ($status, $text) = Staple::Client::curl_cert_status(
        $server, $name, tls => $opt{tls}, ca => $self->{pki}->ca_file,
        args => ['-v'], timeout => $seconds);

    return { text => $text, ok => $status eq '0',
             stapled => $text =~ /SSL certificate status: \w/ ? 1 : 0 };
}

sub gnutls {
    my ($self, $server, $name, %opt) = @_;
    my $got = Staple::Client::gnutls_cli($server, $name, tls => $opt{tls},
                                         ca => $self->{pki}->ca_file,
                                         timeout => $seconds);

    return { text => $got->{text}, ok => $got->{ok} && $got->{trusted},
             stapled => $got->{sent} || $got->{text} =~ /chain is revoked/
                 ? 1 : 0 };
}

# The intermediate CA is what it trusts: it would want a staple for that, too.
sub java {
    my ($self, $server, $name, %opt) = @_;

    return parse(capture([
        'java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC',
        '-Djdk.tls.client.enableStatusRequestExtension=true',
        '-Dcom.sun.net.ssl.checkRevocation=true', '-cp', $self->{made}{Java},
        'StapleClient', $server->port, $name, "TLSv$opt{tls}",
        $self->{pki}->issuer_file], timeout => $seconds));
}

# It hands the response to the program, which here leaves it to OpenSSL.
sub go {
    my ($self, $server, $name, %opt) = @_;
    my $file = "$self->{dir}/$name.der";
    my $pki = $self->{pki};

    unlink $file;
    my $got = parse(capture([
        "$self->{made}{Go}/staple_client", $server->port, $name, $opt{tls},
        $pki->ca_file, $file], timeout => $seconds));
    return $got if !-e $file;
    my $text = capture([
        'openssl', 'ocsp', '-respin', $file, '-issuer', $pki->issuer_file,
        '-cert', $pki->file($name, '.leaf.pem'), '-CAfile', $pki->ca_file]);
    $got->{text} .= $text;
    $got->{ok} &&= $text =~ /^Response verify OK/m;
    return $got;
}

# A database of certificates for NSS.
sub nss_database {
    my ($self) = @_;
    my $dir = "$self->{dir}/nss";

    return $dir if -d $dir;
    mkdir $dir or die "$dir: $!\n";
    for my $arguments (['-N', '--empty-password'],
                       ['-A', '-n', 'root', '-t', 'C,,', '-i',
                        $self->{pki}->ca_file]) {
        my ($text, $status) = capture(
            ['certutil', '-d', "sql:$dir", @$arguments], timeout => $seconds);

        die "certutil: $text\n" if $status;
    }
    return $dir;
}

# -T asks for a staple, -F takes nothing without, from nowhere else.
sub nss {
    my ($self, $server, $name, %opt) = @_;
    my ($text, $status) = capture([
        'tstclnt', '-h', '127.0.0.1', '-p', $server->port, '-a', $name,
        '-d', 'sql:' . $self->nss_database, '-V', "tls$opt{tls}:tls$opt{tls}",
        '-v', '-T', '-O', '-F', '-M', 1],
        stdin => "GET / HTTP/1.1\r\nHost: $name\r\nConnection: close\r\n\r\n",
        timeout => $seconds);

    return { text => $text, ok => $status eq '0' && $text =~ /^subject DN/m ? 1 : 0,
             stapled => $text =~ /^Received [1-9]\d* Cert Status items/m
                 ? 1 : 0 };
}

1;
