package Staple::PKI;

# A test CA in a directory, and certificates of any shape from it.

use strict;
use warnings;

use File::Temp ();

#   my $pki = Staple::PKI->new(dir => $dir, key => 'ec');
#   my $cert = $pki->cert('a.example', url => $url, must_staple => 1);
#   # $cert->{name}, {chain}, {key}, {leaf} (files), {serial} (hex), {issuer}
#
# Without 'dir' the directory goes with the program.  One that holds a CA
# already is used as it is.
sub new {
    my ($class, %opt) = @_;
    my $self = bless { key => 'ec', %opt }, $class;

    if (!defined $self->{dir}) {
        $self->{dir} = $INC{'Staple/Test.pm'} ? Staple::Test::new_dir('pki')
                     : File::Temp::tempdir('ocspstaple-pki-XXXXXX', TMPDIR => 1,
                                           CLEANUP => 1);
    }
    if (!-e $self->file('root')) {
        run(tool('testpki'), 'ca', $self->{dir}, '--key', $self->{key});
    }
    return $self;
}

# A program of ours.
sub tool {
    my ($name) = @_;
    my $dir = $ENV{STAPLE_TOOLS} || ($ENV{top_builddir} || '.') . '/t/tools';

    return "$dir/$name";
}

# Runs a program; its lines, or death.
sub run {
    my @command = @_;

    open my $pipe, '-|', @command or die "$command[0]: $!\n";
    my @lines = <$pipe>;
    close $pipe or die "@command: " . ($! || 'exit ' . ($? >> 8)) . "\n";
    chomp @lines;
    return @lines;
}

sub dir { return $_[0]{dir} }

# A file of one of the CA's own (root, ca, ocsp, other-ca, ...) or of a
# certificate.
sub file {
    my ($self, $base, $suffix) = @_;

    return "$self->{dir}/$base" . ($suffix // '.pem');
}

sub ca_file     { return $_[0]->file('root') }
sub issuer_file { return $_[0]->file(base($_[1]) // 'ca') }

# The name of what is given by name or as cert() returned it.
sub base { return ref $_[0] ? $_[0]{name} : $_[0] }

# Options of cert() that testpki takes: with a value, with several, with none.
my @VALUES = qw(key subject days not_before not_after issuer serial count md
                key_id);
my @LISTS = qw(url san ca_issuers crl);
my @FLAGS = qw(must_staple self_signed ca delegate same_key);

sub make {
    my ($self, $name, %opt) = @_;
    my @arguments;

    $opt{key} //= $self->{key};
    for my $option (qw(issuer key_id)) {
        $opt{$option} = base($opt{$option}) if defined $opt{$option};
    }
    for my $option (@VALUES, @LISTS) {
        my $value = delete $opt{$option} // next;

        push @arguments, '--' . ($option =~ tr/_/-/r), $_
            for ref $value ? @$value : $value;
    }
    for my $option (@FLAGS) {
        push @arguments, '--' . ($option =~ tr/_/-/r) if delete $opt{$option};
    }
    die 'no such option: ', join(' ', sort keys %opt), "\n" if %opt;
    return run(tool('testpki'), 'cert', $self->{dir}, $name, @arguments);
}

sub describe {
    my ($self, $line, $issuer) = @_;
    my ($name, $serial) = split /\t/, $line;

    return { name => $name, serial => $serial, issuer => $issuer,
             dir => $self->{dir}, chain => $self->file($name),
             key => $self->file($name, '.key'),
             leaf => $self->file($name, '.leaf.pem') };
}

# One certificate.  Options, all as in t/tools/README.md: key, url, san,
# ca_issuers and crl (each one or several), must_staple, self_signed, subject, days,
# not_before, not_after, issuer (name or certificate), serial, ca, delegate, md,
# key_id (name or certificate).
sub cert {
    my ($self, $name, %opt) = @_;
    my ($line) = $self->make($name, %opt);

    return $self->describe($line, $opt{self_signed} ? $name
                                : base($opt{issuer}) // 'ca');
}

# $n certificates, 'prefix'-00001 and so on; same_key makes it quicker.
sub certs {
    my ($self, $n, %opt) = @_;
    my $prefix = delete $opt{prefix} // 'cert';
    my $issuer = base($opt{issuer}) // 'ca';

    return if $n == 0;
    return map { $self->describe($_, $issuer) }
               $self->make($prefix, %opt, count => $n);
}

1;
