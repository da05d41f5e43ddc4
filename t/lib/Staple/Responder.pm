package Staple::Responder;

# OCSP responders for tests: one that does what it is told, and real ones.

use strict;
use warnings;

use File::Temp ();

use Staple::PKI ();
use Staple::Process qw(wait_until read_file write_file);
use Staple::Program ();

our @ISA = ('Staple::Program');

#   my $responder = Staple::Responder->new(pki => $pki);
#   $responder->set('*', 'good', next => 3600);
#   $responder->set('a.example', 'revoked', reason => 'superseded');
#   $responder->wait_for(sub { $responder->count(name => 'a.example') }, 10);
#
# It answers when new() returns, and a rule holds when set() returns.  'listen'
# is an address or several, which share one port, or 'lo', all of 127.0.0.0/8;
# 'dir' keeps its files.  The
# actions and their keys are in t/tools/README.md.
sub new {
    my ($class, %opt) = @_;

    return $class->SUPER::new(listen => '127.0.0.1', %opt, rules => [],
                              number => 0);
}

sub new_dir {
    my ($self) = @_;

    return File::Temp::tempdir('responder-XXXXXX', DIR => $self->{pki}->dir);
}

sub addresses {
    my ($self) = @_;

    return ref $self->{listen} ? @{ $self->{listen} } : ($self->{listen});
}

sub host {
    my ($self) = @_;
    my ($address) = $self->addresses;

    return '127.0.0.1' if $address eq 'lo';
    return $address =~ /:/ ? "[$address]" : $address;
}

sub url {
    my ($self, $path) = @_;

    return 'http://' . $self->host . ":$self->{port}" . ($path // '/');
}

# Writes its response for a certificate into a file, whatever it says; returns
# the file.
sub write_response {
    my ($self, $cert, $file) = @_;

    Staple::Process::capture(
        ['openssl', 'ocsp', '-issuer', $self->{pki}->issuer_file, '-cert',
         $cert->{leaf}, '-url', $self->url, '-respout', $file, '-noverify',
         '-no_nonce']);
    return $file;
}

# Who asked about a certificate: 'we', another module, which has this name here,
# or both, sorted.
sub askers {
    my ($self, $name, $other) = @_;
    my %by = map { (($_->{headers}{'user-agent'} // '')
                        =~ /^mod_ocspstaple/ ? 'we' : $other) => 1 }
        grep { $_->{name} eq $name } $self->requests;

    return join ' ', sort keys %by;
}

# The same on a host of its own for each number from 0 on, which nobody needs to
# configure; the responder has to listen on 'lo'.
sub url_at {
    my ($self, $number, $path) = @_;
    my $host = join '.', 127, 100 + int($number / 62500),
                         1 + int($number / 250) % 250, 1 + $number % 250;

    return "http://$host:$self->{port}" . ($path // '/');
}

# ---- life ----

sub start {
    my ($self) = @_;

    unlink $self->file('port') if !$self->{pid};
    return $self->SUPER::start;
}

sub prepare {
    my ($self) = @_;

    $self->{log_at} = 0;
    return $self->write_rules;
}

sub command {
    my ($self) = @_;
    my @listen = map { /:/ ? "[$_]" : $_ } $self->addresses;

    return (Staple::PKI::tool('responder'), '--dir', $self->{pki}->dir,
            (map { ('--listen', "$_:$self->{port}") } @listen),
            '--port-file', $self->file('port'), '--log', $self->file('log'),
            '--script', $self->file('script'));
}

sub is_ready {
    my ($self) = @_;

    return -e $self->file('port') && $self->{number} == $self->seen;
}

# ---- rules ----

sub escape {
    my ($text) = @_;

    return $text =~ s/([^A-Za-z0-9._:@\/+*-])/sprintf '%%%02X', ord $1/ger;
}

sub line {
    my ($self, $selector, $action, %opt) = @_;
    my @words = ($selector, $action);

    for my $key (sort keys %opt) {
        my $value = $opt{$key};

        push @words, map { "$key=" . escape($_) }
                         ref $value ? @$value : $value // next;
    }
    return join ' ', @words, 'id=' . ++$self->{ids};
}

# The number of the last script that the responder follows.
sub seen {
    my ($self) = @_;
    my $note = read_file($self->file('script.seen')) // '';
    my ($number, $result) = $note =~ /^# (\d+)\t(.*)/ or return 0;

    die "script: $result\n" if $number == $self->{number} && $result ne 'ok';
    return $number;
}

sub write_rules {
    my ($self) = @_;

    $self->{number}++;
    write_file($self->file('script'),
               join '', "# $self->{number}\n",
               map { "$_->{line}\n" } @{ $self->{rules} });
    return $self if !$self->{pid};
    wait_until(sub { $self->seen == $self->{number} }, 10, 0.001)
        or die "the responder does not follow its script\n";
    return $self;
}

# The rule for this selector (and method, and path), in place of the one
# before; it comes last and so goes before others that match.
sub set {
    my ($self, $selector, $action, %opt) = @_;
    my $target = join "\0", $selector, $opt{method} // '', $opt{path} // '',
                 $opt{hash} // '';

    @{ $self->{rules} } = grep { $_->{target} ne $target }
                               @{ $self->{rules} };
    return $self->add($selector, $action, %opt);
}

# One more rule; one before it holds again when its count is used up.
sub add {
    my ($self, $selector, $action, %opt) = @_;
    my $target = join "\0", $selector, $opt{method} // '', $opt{path} // '',
                 $opt{hash} // '';

    push @{ $self->{rules} },
        { target => $target, line => $self->line($selector, $action, %opt) };
    return $self->write_rules;
}

# Several rules at once, in place of all: [selector, action, key => value...].
sub set_all {
    my ($self, @rules) = @_;

    $self->{rules} = [map {
        { target => '', line => $self->line(@$_) }
    } @rules];
    return $self->write_rules;
}

sub reset_rules { return $_[0]->set_all }

# ---- the log ----

my @COLUMNS = qw(time connection requests open method path serial name action
                 nonce host hash headers);

sub parse_line {
    my ($line) = @_;
    my %request;

    @request{@COLUMNS} = split /\t/, $line, -1;
    $request{headers} = {
        map { /^([^:]*):\s*(.*)/ ? (lc $1 => $2) : () }
            split /\\n/, $request{headers} // ''
    };
    return \%request;
}

# What has been asked since the last clear_log: time, connection, requests (on
# it so far), open (at the time), method, path, serial, name, action, nonce,
# host, hash, headers (names in lower case).  Connections that brought no
# request have the method CONNECT and are in all() only.
sub requests {
    return grep { $_->{method} ne 'CONNECT' } $_[0]->all;
}

sub all {
    my ($self) = @_;
    my $log = substr read_file($self->file('log')) // '', $self->{log_at};

    return map { parse_line($_) } $log =~ /(.*)\n/g;
}

# How many match: text, or a pattern, or a sub for each column.
sub count {
    my ($self, %match) = @_;
    my $count = 0;

    for my $request ($self->all) {
        next if !defined $match{method} && $request->{method} eq 'CONNECT';
        $count++ if !grep {
            my ($wanted, $is) = ($match{$_}, $request->{$_} // '');

            ref $wanted eq 'CODE'   ? !$wanted->($is)
          : ref $wanted eq 'Regexp' ? $is !~ $wanted
          :                           $is ne $wanted;
        } keys %match;
    }
    return $count;
}

# What the sub returned when it was true, or nothing after the time.
sub wait_for {
    my ($self, $sub, $seconds) = @_;

    return wait_until($sub, $seconds // 10);
}

sub clear_log {
    my ($self) = @_;

    $self->{log_at} = -s $self->file('log') // 0;
    return $self;
}

# ---- real responders ----

package Staple::Responder::Port;

# One that is ready as soon as its port can be connected to.

use strict;
use warnings;

our @ISA = ('Staple::Responder');

sub prepare { return $_[0] }

sub is_ready { return $_[0]->Staple::Program::is_ready }

package Staple::Responder::OpenSSL;

# `openssl ocsp`: one request at a time, from a database of certificates.

use strict;
use warnings;

our @ISA = ('Staple::Responder::Port');

# Further arguments: args => ['-nmin', 5].
sub command {
    my ($self) = @_;
    my $pki = $self->{pki};

    return ('openssl', 'ocsp', '-port', $self->{port},
            '-index', $self->file('index.txt'), '-CA', $pki->issuer_file,
            '-rsigner', $pki->file('ocsp'), '-rkey', $pki->file('ocsp', '.key'),
            '-ndays', 1, '-ignore_err', @{ $self->{args} || [] });
}

sub start {
    my ($self) = @_;

    $self->write_index;
    unlink $self->file('output');
    return $self->SUPER::start;
}

# A connection without a request would keep it from all others.
sub is_ready {
    my ($self) = @_;

    return (Staple::Process::read_file($self->file('output')) // '')
        =~ /^ACCEPT /m;
}

sub utc {
    my ($time) = @_;
    my ($s, $min, $h, $d, $m, $y) = gmtime $time;

    return sprintf '%02d%02d%02d%02d%02d%02dZ', $y % 100, $m + 1, $d, $h, $min,
                   $s;
}

# All that the test CA has issued; openssl reads it when it is asked, and
# again when it is another file.
sub write_index {
    my ($self) = @_;
    my $from = Staple::Process::read_file($self->{pki}->file('index', '.tsv'));
    my $to = '';

    for my $line (split /\n/, $from) {
        my ($name, $serial, $issuer) = split /\t/, $line;
        my $revoked = $self->{revoked}{$serial};

        next if $issuer ne 'ca' || $serial =~ /^-/;
        $to .= join("\t", $revoked ? 'R' : 'V', utc(time + 365 * 86400),
                    $revoked // '', $serial, 'unknown',
                    '/CN=' . ($name =~ tr{/}{_}r)) . "\n";
    }
    Staple::Process::write_file($self->file('index.txt.attr'),
                                "unique_subject = no\n");
    Staple::Process::write_file($self->file('index.txt'), $to);
    return $self;
}

# New certificates, and revoked ones, are known after this.
sub refresh {
    my ($self) = @_;

    return $self->stop->start;
}

sub revoke {
    my ($self, $cert, $reason) = @_;

    $self->{revoked}{ $cert->{serial} }
        = utc(time) . ($reason ? ",$reason" : '');
    return $self->refresh;
}

package Staple::Responder::CFSSL;

# `cfssl ocspserve`: GET and POST, from a file of responses made beforehand.

use strict;
use warnings;

our @ISA = ('Staple::Responder::Port');

#   Staple::Responder::CFSSL->new(pki => $pki, certs => [$cert]);
# 'interval' (96h) is the validity of the responses.
sub prepare {
    my ($self) = @_;

    $self->{certs} ||= [];
    return $self->write_responses;
}

sub command {
    my ($self) = @_;

    return ('cfssl', 'ocspserve', '-address', '127.0.0.1', '-port',
            $self->{port}, '-responses', $self->file('responses'),
            '-loglevel', 2);
}

sub write_responses {
    my ($self) = @_;
    my $pki = $self->{pki};
    my $text = '';

    for my $cert (@{ $self->{certs} }) {
        my ($response, $status) = Staple::Process::capture([
            'cfssl', 'ocspsign', '-ca', $pki->issuer_file($cert->{issuer}),
            '-responder', $pki->file('ocsp'),
            '-responder-key', $pki->file('ocsp', '.key'),
            '-cert', $cert->{leaf}, '-loglevel', 5,
            '-status', $self->{revoked}{ $cert->{serial} } ? 'revoked' : 'good',
            '-interval', $self->{interval} // '96h',
        ]);

        die "cfssl ocspsign: $response\n" if $status;
        $response = $1 if $response =~ /"ocspResponse"\s*:\s*"([^"]+)"/;
        $text .= $response =~ s/\s+//gr . "\n";
    }
    Staple::Process::write_file($self->file('responses'), $text);
    return $self;
}

sub serve {
    my ($self, @certs) = @_;

    push @{ $self->{certs} }, @certs;
    return $self->refresh;
}

sub refresh {
    my ($self) = @_;

    return $self->stop->write_responses->start;
}

sub revoke {
    my ($self, $cert) = @_;

    $self->{revoked}{ $cert->{serial} } = 1;
    return $self->refresh;
}

1;
