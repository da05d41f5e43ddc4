package Staple::Stored;

# Files of OCSPStapleStore: find them, take them apart, forge them.

use strict;
use warnings;

use Digest::SHA ();
use Exporter 'import';
use Test::More ();

use Staple::Client qw(wait_all_stapled);
use Staple::Process qw(capture read_file write_file wait_until);

our @EXPORT = qw(stored_files check_trouble);

# The files with staples in a store.
sub stored_files {
    return grep { m{/[0-9a-f]{64}$} && -s } glob "$_[0]/*";
}

# Whatever happens to the store: staples are there, and the log has one warning
# that matches, and a line when all is well again; then nothing is missing.
# Five tests.
sub check_trouble {
    my ($what, $warning, $server, $names, $store, $repair) = @_;

    Test::More::ok(wait_all_stapled($server, $names), "$what: all stapled");
    Test::More::ok($server->wait_log($warning, 15, since => 1),
                   "$what: a warning")
        or Test::More::diag($server->error_log(since => 1));
    $repair->();
    Test::More::ok(wait_until(sub { stored_files($store) == @$names }, 30),
                   "$what: all are stored when that is over");
    Test::More::ok($server->wait_log(qr/OST0094/, 10, since => 1),
                   "$what: and it is said");
    Test::More::is($server->log_lines(qr/OST009[01]/, since => 1), 1,
                   "$what: there was one warning");
}

# As modules/cache/staple_codec.h draws it.
my $HEAD = 96;
my $TAIL = 32;

#   my $file = Staple::Stored->new($server, $cert);
#   $file->write(next_at => time + 60, der => $der);
sub new {
    my ($class, $server, $cert) = @_;
    my ($der) = capture(['openssl', 'x509', '-in', $cert->{leaf}, '-outform',
                         'DER']);

    return bless { sha256 => Digest::SHA::sha256($der),
                   path => $server->root . '/store/'
                           . Digest::SHA::sha256_hex($der) }, $class;
}

sub path { return $_[0]{path} }

sub read { return read_file($_[0]{path}) // '' }

# The stored response.
sub der {
    my ($self) = @_;
    my $bytes = $self->read;

    return length $bytes > $HEAD + $TAIL
         ? substr($bytes, $HEAD, -$TAIL) : '';
}

# Instants in seconds and numbers, by the names of staple_record_t.
my @NAMES = qw(next_at attempted_at succeeded_at state_since failures
               attempts_hash reason state_reason state told said_unknown);

sub record {
    my ($self) = @_;
    my %record;

    @record{@NAMES} = unpack 'x40 Q>4 N4 C3', $self->read;
    $record{$_} /= 1e6 for @NAMES[0 .. 3];
    return \%record;
}

# Any bytes, with the owner and mode that files of the store have.
sub write_bytes {
    my ($self, $bytes) = @_;
    my @owner = (stat $self->{path} =~ s{/[^/]*$}{}r)[4, 5];

    write_file($self->{path}, $bytes);
    chmod 0600, $self->{path};
    chown @owner, $self->{path};
    return $self;
}

# The file with this or that in it changed, whole by its own digest.
sub write {
    my ($self, %change) = @_;
    my $der = delete $change{der} // $self->der;
    my $sha256 = delete $change{sha256} // $self->{sha256};
    my %record = (%{ $self->record }, %change);

    $record{$_} = int($record{$_} * 1e6) for @NAMES[0 .. 3];
    my $bytes = pack('a8 a32 Q>4 N4 C3 x N', 'OCSPSTP1', $sha256,
                     @record{@NAMES}, length $der) . $der;
    return $self->write_bytes($bytes . Digest::SHA::sha256($bytes));
}

1;
