package Staple::CRL;

# The lists of a CA, made by `openssl ca -gencrl`: what is revoked, and any
# extension that openssl.cnf can say.

use strict;
use warnings;

use POSIX ();

use Staple::Process qw(capture read_file write_file);

#   my $ca = Staple::CRL->new(pki => $pki, dir => new_dir('ca'));
#   $ca->revoke($cert, 'keyCompromise');
#   my $der = $ca->make(seconds => 3600);
#
# 'ca' is the base name of who signs ('ca').  Each list has the next number.
sub new {
    my ($class, %opt) = @_;

    return bless { ca => 'ca', number => 0, revoked => {}, %opt }, $class;
}

sub number { return $_[0]{number} }

sub utc { return POSIX::strftime('%y%m%d%H%M%SZ', gmtime $_[0]) }

# From the next list on; the time is in seconds since 1970, of the time being
# by default.
sub revoke {
    my ($self, $cert, $reason, $time) = @_;

    $self->{revoked}{ $cert->{serial} } = {
        time => $time // time, reason => $reason };
    return $self;
}

sub unrevoke {
    my ($self, $cert) = @_;

    delete $self->{revoked}{ $cert->{serial} };
    return $self;
}

sub lines {
    my ($self, $only) = @_;

    return join '', map {
        my $entry = $self->{revoked}{$_};
        my $reason = $entry->{reason} ? ",$entry->{reason}" : '';

        "R\t" . utc(time + 86400) . "\t" . utc($entry->{time})
            . "$reason\t$_\tunknown\t/CN=x\n";
    } grep { !$only || $only->{$_} } sort keys %{ $self->{revoked} };
}

# openssl.cnf has no words for the delta indicator.
sub delta_line {
    my ($base) = @_;

    return sprintf "2.5.29.27 = critical, DER:0202%04X\n", $base if $base > 127;
    return sprintf "2.5.29.27 = critical, DER:0201%02X\n", $base;
}

# A list in DER (pem => 1: in PEM).  Options: seconds, of its life (an hour);
# last, seconds from now of thisUpdate (0); number; exts, further lines of
# openssl.cnf, which may begin sections of their own; base, the number that
# makes it a delta of that list; only, certificates that are on it instead of
# all; more, lines of the index for others; freshest, the URL of deltas; ca, who
# signs.
sub make {
    my ($self, %opt) = @_;
    my $ca = $self->{pki}->file($opt{ca} // $self->{ca});
    my $base = "$self->{dir}/list";
    my $exts = $opt{exts} // '';
    my $last = time + ($opt{last} // 0);
    my @form = $opt{pem} ? 'PEM' : 'DER';
    my $only = $opt{only} && { map { $_->{serial} => 1 } @{ $opt{only} } };

    $self->{number} = $opt{number} // $self->{number} + 1;
    $exts = delta_line($opt{base}) . $exts if defined $opt{base};
    $exts = "freshestCRL = URI:$opt{freshest}\n$exts" if defined $opt{freshest};
    write_file("$base.txt", $self->lines($only) . ($opt{more} // ''));
    write_file("$base.number", sprintf "%04X\n", $self->{number});
    write_file("$base.cnf", <<"CNF");
[ca]
default_ca = this
[this]
database = $base.txt
crlnumber = $base.number
default_md = sha256
unique_subject = no
crl_extensions = exts
[exts]
authorityKeyIdentifier = keyid
$exts
CNF
    $self->run('openssl', 'ca', '-gencrl', '-config', "$base.cnf", '-cert', $ca,
               '-keyfile', $ca =~ s/\.pem$/.key/r,
               '-crl_lastupdate', utc($last),
               '-crl_nextupdate', utc($last + ($opt{seconds} // 3600)),
               '-out', "$base.pem");
    $self->run('openssl', 'crl', '-in', "$base.pem", '-outform', @form,
               '-out', "$base.out");
    return read_file("$base.out");
}

sub run {
    my ($self, @command) = @_;
    my ($text, $status) = capture(\@command, timeout => 180);

    $status eq '0' or die "@command: $text";
    return;
}

1;
