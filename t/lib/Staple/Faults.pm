package Staple::Faults;

# All faults of a group of Staple::FaultTable at once, with handshakes all the
# while: none may fail, none may bring a wrong staple, no staple may be lost.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use File::Path ();
use Test::More ();

use Staple::Client;
use Staple::FaultTable;
use Staple::PKI ();
use Staple::Process qw(read_file scale write_file wait_until);
use Staple::Responder ();
use Staple::Server ();
use Staple::Test;

#   use Staple::Faults;
#   Staple::Faults::show('http');       # plans, tests and writes down
#
# Each fault has two virtual hosts and a responder of its own, as far as the
# module can tell (a URL at an address).  held-NAME holds a good response, of a day, before
# a graceful restart points it to the faulty responder, which is then asked at
# once; new-NAME never had one.  Handshakes go on from before that restart
# until each fault was met twice, and longer.  At the end all ask a responder
# that answers well.
#
# Options: key (of the CA, 'ec'), lines (of the server, while the faults are
# on), proxy (the responder is one, which is asked for all URLs), need (as for
# plan).
sub show {
    my ($group, %opt) = @_;
    my @rows = Staple::FaultTable::rows($group);
    my $self = bless { group => $group, rows => \@rows, %opt }, __PACKAGE__;

    Apache::Test::plan(tests => 6 + 5 * @rows,
                       $opt{need} ? Apache::Test::need($opt{need}) : ());
    $self->prepare;
    $self->run;
    $self->judge;
    $self->write_down;
    return;
}

sub names {
    my ($self, @kinds) = @_;

    return map { my $kind = $_;
                 map { "$kind-$_->{name}.example" } @{ $self->{rows} } } @kinds;
}

# ---- before ----

# Rows that do not say where they are have a loopback address each: what fails
# at one is not to be taken for the others' fault.
sub addresses {
    my ($self) = @_;
    my @rows = grep { !$_->{own} && !$_->{host} && !$_->{listen} }
                    @{ $self->{rows} };

    $rows[$_]{address} = '127.9.9.' . ($_ + 1) for 0 .. $#rows;
    return map { $_->{address} } @rows;
}

# The responder of a row, and its URL there.
sub responder_of {
    my ($self, $row) = @_;
    my $listen = $row->{listen} // '127.0.0.1';

    return Staple::Responder->new(pki => $self->{pki}, listen => $listen)
        if $row->{own};
    return $self->{responders}{$listen}
        //= Staple::Responder->new(pki => $self->{pki}, listen => $listen,
                                   port => $self->{responder}->port);
}

sub prepare {
    my ($self) = @_;

    $self->{pki} = Staple::PKI->new(dir => new_dir('pki'),
                                     key => $self->{key} // 'ec');
    $self->{responder} = Staple::Responder->new(
        pki => $self->{pki}, listen => ['127.0.0.1', $self->addresses]);
    $self->{responders}{'127.0.0.1'} = $self->{responder};
    for my $row (@{ $self->{rows} }) {
        my $responder = $row->{responder} = $self->responder_of($row);
        $self->prepare_more($row);
        my $url = $responder->url("/$row->{name}/");

        my $host = $row->{host} || $row->{address};
        $url =~ s{//(?:\[.*?\]|[^:]*)}{//$host} if $host;
        $url =~ s/^http/$row->{scheme}/ if $row->{scheme};
        for my $kind (qw(held new)) {
            push @{ $self->{certs} }, $self->{pki}->cert(
                "$kind-$row->{name}.example", url => $url, key => 'ec');
        }
        my ($action, %keys) = @{ $row->{action} };
        $keys{path} = $row->{asked} // ($self->{proxy} ? $url
                                                       : "/$row->{name}/")
            if !$row->{own};
        $row->{own} ? $responder->set('*', $action, %keys)
                    : push @{ $self->{rules}{ $responder->host } },
                        ['*', $action, %keys];
    }
    for my $responder (values %{ $self->{responders} }) {
        my $rules = $self->{rules}{ $responder->host } or next;
        $responder->set_all(['*', 'good', next => 86400], @$rules);
    }
    $self->{lines} .= 'OCSPStapleProxy ' . $self->{responder}->url . "\n"
        if $self->{proxy};
    $self->{server} = Staple::Server->new($self->config(held => 'well', new => 'nobody'));
    return;
}

# What a row needs beside its responder: certificates that are to be in answers,
# the response that is held, others that its responder does the same to.
sub prepare_more {
    my ($self, $row) = @_;
    my $pki = $self->{pki};

    $pki->make(@{ $row->{make} }) if $row->{make};
    if (my ($action, %keys) = @{ $row->{held} || [] }) {
        push @{ $self->{rules}{ $self->{responder}->host } },
            ["held-$row->{name}.example", $action, path => '/well/', %keys];
    }
    for my $number (1 .. $row->{others} || 0) {
        push @{ $self->{certs} }, $pki->cert(
            "other-$row->{name}-$number.example", key => 'ec',
            url => $row->{responder}->url_at($number));
    }
    return;
}

# The configuration in which certificates of each kind ask nobody, a responder
# that answers well or that of their fault.
sub config {
    my ($self, %asks) = @_;
    my $well = $self->{responder}->url('/well/');
    $asks{other} = $asks{held} eq 'fault' ? 'fault' : 'nobody';
    my %lines = (
        nobody => '',
        well => "OCSPStaple On\nOCSPStapleResponder $well\n"
                . "OCSPStapleResponderAction override\n",
        fault => "OCSPStaple On\n");

    return (
        lines => "OCSPStapleRetryInterval 1\nOCSPStapleMaxTries 1000\n"
               . 'OCSPStapleTimeout ' . int(scale(2)) . "\n"
               . ($asks{held} eq 'fault' ? $self->{lines} // '' : ''),
        vhosts => [map {
            my ($kind) = $_->{name} =~ /^(\w+)-/;
            { name => $_->{name}, certs => [$_],
              lines => $lines{ $asks{$kind} } };
        } @{ $self->{certs} }]);
}

# ---- the run ----

sub peak {
    my ($self) = @_;
    my $pid = $self->{server}->refresher_pid;

    return (read_file("/proc/$pid/status") // '') =~ /VmHWM:\s*(\d+)/ ? $1 : 0;
}

# What the log says of the attempts for a certificate.
sub complaints {
    my ($self, $name, %opt) = @_;

    return map { /"CN=\Q$name\E" \(serial \w+\), (?:POST|GET) \S+: (.*)/ ? $1 : () }
        $self->{server}->log_lines(qr/"CN=\Q$name\E"/, %opt);
}

# The two certificates of a row ask the same URL: once that is down, one of them
# probes it for both.
sub has_met {
    my ($self, $row) = @_;
    my $name = "held-$row->{name}.example";

    if ($row->{gives} eq 'nothing') {
        my $held = $self->complaints($name, since => 1);
        my $new = $self->complaints("new-$row->{name}.example", since => 1);

        return $held && $held + $new >= 2;
    }
    return $self->{server}->log_lines(
        qr/"CN=\Q$name\E" \(serial \w+\): $row->{gives}\b/, since => 1);
}

sub run {
    my ($self) = @_;
    my $server = $self->{server}->start;
    my @held = $self->names('held');
    my @all = $self->names('held', 'new');
    my $ca = $self->{pki}->ca_file;

    Test::More::ok(wait_all_stapled($server, \@held, within => 20),
                   'all that shall hold a good response do');
    $self->{sha1} = { map { $_->{name} => $_->{sha1} }
                          @{ handshakes($server, \@held)->{rows} } };
    my $before = $self->peak;

    my @ends = map {
        start_handshakes($server, \@all, concurrency => 2, pause => 20,
                         verify => $ca, tls => $_) } '1.2', '1.3';
    $server->reconfigure($self->config(held => 'fault', new => 'fault'));
    $server->mark->graceful(wait => 1);
    Test::More::ok(wait_until(sub {
        return !grep { !$self->has_met($_) } @{ $self->{rows} };
    }, 120, 0.2), 'every fault was met at least twice')
        or Test::More::diag('not met: ', join ' ', map { $_->{name} }
                            grep { !$self->has_met($_) } @{ $self->{rows} });
    # However quick that was, there are some of each.
    my @some = map {
        handshakes($server, \@all, concurrency => 4, verify => $ca, tls => $_,
                   count => 10 * @all) } '1.2', '1.3';
    $self->{shaken} = [map { @{ $_->{rows} } } @some, map { $_->() } @ends];
    my $after = $self->peak;
  SKIP: {
        Test::More::skip('a sanitizer keeps what was freed', 1)
            if $ENV{STAPLE_SANITIZED};
        Test::More::ok($after - $before < 32768,
                       'nothing large was kept in memory')
            or Test::More::diag("$before kB before, then $after");
    }

    $self->{responder}->add('*', 'good', path => '/well/', next => 86400);
    $server->reconfigure($self->config(held => 'well', new => 'well'));
    $server->graceful;
    Test::More::ok(wait_until(sub {
        return !grep { $_->{status} ne 'good' }
            @{ handshakes($server, \@all, verify => $ca)->{rows} };
    }, 20, 0.2), 'at a responder that answers well all get a good staple');
    return;
}

# ---- what came of it ----

# Counts of a row's handshakes: done, failed, wrong, lost.
sub count {
    my ($self, $row) = @_;
    my %count = map { $_ => 0 } qw(done failed wrong lost);

    for my $shake (@{ $self->{shaken} }) {
        my ($kind) = $shake->{name} =~ /^(\w+)-\Q$row->{name}\E\.example$/
            or next;
        my $is_held = $shake->{sha1} eq ($self->{sha1}{ $shake->{name} } // '');

        $count{done}++;
        if (!$shake->{ok}) {
            $count{failed}++;
        }
        elsif ($shake->{status} eq 'none') {
            $count{lost}++ if $kind eq 'held';
        }
        elsif (!$is_held && $shake->{status} ne $row->{gives}
               && ($kind eq 'held'
                   || !grep { $shake->{status} eq $_ } @{ $row->{new} })) {
            $count{wrong}++;
            push @{ $row->{wrong} }, "$shake->{name}: $shake->{status}";
        }
    }
    return \%count;
}

sub judge {
    my ($self) = @_;
    my $server = $self->{server};

    for my $row (@{ $self->{rows} }) {
        my $count = $row->{count} = $self->count($row);
        my @said = map { $self->complaints($_) }
            map { "$_-$row->{name}.example" } qw(held new);
        my @other = $row->{log} eq '' ? @said
                                      : grep { $_ !~ $row->{log} } @said;

        $row->{said} = \@said;
        Test::More::cmp_ok($count->{done}, '>', 0,
                           "$row->{name}: handshakes, of which");
        Test::More::is($count->{$_}, 0, "  none $_") for qw(failed wrong lost);
        Test::More::diag(join "\n", @{ $row->{wrong} }) if $row->{wrong};
        Test::More::is(join("\n", @other), '', '  and the log names the fault');
    }
    my $shaken = $self->{shaken};
    Test::More::is(scalar(grep { !$_->{ok} } @$shaken), 0,
                   'no handshake of ' . @$shaken . ' failed');
    Test::More::is(join("\n", $server->bad_lines), '',
                   'nothing bad in the log');
    return;
}

# ---- for docs/faults.md ----

# What the log said, without what differs from run to run.
sub usual {
    my ($text) = @_;

    $text =~ s/\d+ milliseconds/N milliseconds/;
    $text =~ s/ after \d+ ms\b//;
    $text =~ s/\bport \d+/port N/;
    $text =~ s/\d+ out of \d+ bytes/N out of N bytes/;
    return $text;
}

sub write_down {
    my ($self) = @_;
    my $dir = top_builddir() . '/faults';
    my $text = '';

    for my $row (@{ $self->{rows} }) {
        my %said = map { usual($_) => 1 } @{ $row->{said} };

        $text .= join("\t", $self->{group}, $row->{name}, $row->{fault},
                      $row->{gives}, @{ $row->{count} }{qw(done failed wrong
                      lost)}, join '; ', sort keys %said) . "\n";
    }
    File::Path::make_path($dir);
    write_file("$dir/$self->{group}.tsv", $text);
    return;
}

1;
