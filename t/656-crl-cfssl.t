# CRLs of another maker: CFSSL's have no number, and are told apart by time.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Math::BigInt;
use MIME::Base64 qw(decode_base64);
use Staple::Test;
use Staple::ListServer;
use Staple::PKI;
use Staple::Process qw(capture write_file);
use Staple::Server;
use Staple::Status;

plan tests => 6, need { 'no cfssl' => have_tool('cfssl') };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $lists = Staple::ListServer->new(dir => new_dir('lists'));
my $dir = new_dir('cfssl');
my %cert = map { $_ => $pki->cert("$_.example", crl => $lists->url('ca.crl')) }
           qw(good revoked);

# A list of these certificates that lives for so many seconds.
sub cfssl {
    my ($seconds, @certs) = @_;
    my $ca = $pki->file('ca');

    # It takes decimal numbers, and nothing is an error.
    write_file("$dir/serials", join '', map { "$_\n" }
               map { Math::BigInt->from_hex($_->{serial})->bstr } @certs);
    write_file("$dir/seconds", $seconds);
    my ($text, $status);

    for my $life ("$dir/seconds", $seconds) { # a file, or since 1.6 a number
        ($text, $status) =
            capture(['cfssl', 'gencrl', "$dir/serials", $ca,
                     $ca =~ s/\.pem$/.key/r, $life]);
        last if $status eq '0';
    }
    $status eq '0' or die "cfssl gencrl: $text";
    return decode_base64($text =~ s/^\d{4}\/.*$//mgr);
}

my $older = cfssl(3600);

$lists->put('ca.crl', cfssl(10));
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => "OCSPStapleIssuerCheck Off\n",
    vhosts => [status_vhost($port),
               map { { name => "$_.example", certs => [$cert{$_}],
                       lines => "OCSPStaple On\n" } } sort keys %cert])->start;

ok(wait_status($port, sub { status_row($_, 'revoked')->{state} eq 'good' }, 10),
   'nothing is revoked: good');
is(status_json($port)->{crls}[0]{number}, undef, 'the list has no number');
sleep 1; # the times of CRLs are whole seconds
$lists->put('ca.crl', cfssl(10, $cert{revoked}));
ok(wait_status($port, sub { status_row($_, 'revoked')->{state} eq 'revoked' },
               20), 'the next list has it: revoked');
is(status_row(status_json($port), 'good')->{state}, 'good',
   'the other one is good');
$lists->put('ca.crl', $older);
ok(wait_status($port, sub { ($_->{crls}[0]{last_error} // '') eq 'crl_older' },
               20), 'an older list is refused, by its time');
is(status_row(status_json($port), 'revoked')->{state}, 'revoked',
   'still revoked');
