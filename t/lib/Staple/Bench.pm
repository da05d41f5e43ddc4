package Staple::Bench;

# What benchmarks measure with: medians, processor time, memory, the table.

use strict;
use warnings;

use Exporter 'import';
use List::Util qw(max sum0);
use POSIX ();
use Time::HiRes qw(time);

use Staple::Peers ();
use Staple::Process qw(capture read_file write_file);
use Staple::Server ();

our @EXPORT_OK = qw(median spread interval cpu_seconds busiest_thread
                    proportional_memory started_at tell);

# Says how far it is, on standard error: the table is all of the output.
my $began = time;

sub tell {
    my ($text) = @_;

    printf STDERR "%6.1f s  %s\n", time - $began, $text;
    return;
}

sub median {
    my @sorted = sort { $a <=> $b } @_;

    return @sorted % 2 ? $sorted[$#sorted / 2]
                       : ($sorted[@sorted / 2 - 1] + $sorted[@sorted / 2]) / 2;
}

sub spread {
    my @sorted = sort { $a <=> $b } @_;

    return @sorted[0, -1];
}

# Between which the median lies with 95 in 100: by the ranks of the sorted
# numbers, whatever they are distributed like.
sub interval {
    my @sorted = sort { $a <=> $b } @_;
    my $low = int(@sorted / 2 - 0.98 * sqrt(@sorted));

    $low = 0 if $low < 0;
    return @sorted[$low, $#sorted - $low];
}

# ---- processes of a server ----

sub processes {
    my ($server) = @_;
    my $pid = $server->pid;

    return ($pid, Staple::Server::child_pids_of($pid));
}

# Processor time of each of its threads; those that ended are not in it.
sub thread_seconds {
    my ($server) = @_;
    my %seconds;

    for my $pid (processes($server)) {
        for my $file (glob "/proc/$pid/task/*/schedstat") {
            my ($on_cpu) = split ' ', read_file($file) // '0';
            $seconds{$file} = ($on_cpu // 0) / 1e9;
        }
    }
    return \%seconds;
}

# Of all of them.
sub cpu_seconds { return sum0(values %{ thread_seconds($_[0]) }) }

# How much of a processor the busiest thread used while sub ran.
sub busiest_thread {
    my ($server, $sub) = @_;
    my ($before, $since) = (thread_seconds($server), time);

    $sub->();
    my ($after, $took) = (thread_seconds($server), time - $since);

    return max(map { $after->{$_} - ($before->{$_} // 0) } keys %$after)
           / $took;
}

# Bytes; what processes share counts once.
sub proportional_memory {
    my ($server) = @_;
    my $kib = 0;

    for my $pid (processes($server)) {
        my ($pss) = (read_file("/proc/$pid/smaps_rollup") // '')
            =~ /^Pss:\s+(\d+)/m;
        $kib += $pss // 0;
    }
    return $kib * 1024;
}

# When it began to work, as its log says.
sub started_at {
    my ($server) = @_;
    my %month;

    return $server->{started_at} if $server->{started_at};
    @month{qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec)} = 0 .. 11;
    my ($mon, $day, $h, $m, $s, $us, $year) = $server->error_log
        =~ /.*\[\w+ (\w+) (\d+) (\d+):(\d+):(\d+)\.(\d+) (\d+)\][^\n]*resuming normal/s
        or die "the log does not tell when httpd started\n";

    return POSIX::mktime($s, $m, $h, $day, $month{$mon}, $year - 1900, 0, 0, -1)
        + $us / 1e6;
}

# ---- the table ----

sub figure {
    my ($value, $unit) = @_;

    return !defined $value                   ? '-'
         : $value !~ /^-?[\d.]+(?:e.\d+)?$/i ? $value
         :   sprintf('%.4g', $value) . ($unit ? " $unit" : '');
}

sub cells {
    my ($row) = @_;
    my @others = map { "$_ " . figure($row->{others}{$_}, $row->{unit}) }
        sort keys %{ $row->{others} || {} };
    my $measured = figure($row->{value}, $row->{unit});

    if ($row->{spread}) {
        $measured .= sprintf ' (%.4g .. %.4g)', @{ $row->{spread} };
    }
    return ($row->{name}, $measured,
            defined $row->{allowed} ? "<= $row->{allowed}" : '',
            $row->{verdict}, join ', ', @others);
}

sub print_table {
    my ($rows) = @_;

    print "| what | measured | target | | others |\n|---|---|---|---|---|\n";
    print '| ', join(' | ', cells($_)), " |\n" for @$rows;
    return;
}

sub first_line {
    my ($text, $pattern) = @_;

    return ($text // '') =~ $pattern ? $1 : 'unknown';
}

# The machine and the versions that the figures belong to.
sub machine {
    return {
        processor => first_line(read_file('/proc/cpuinfo'),
                                qr/^model name\s*:\s*(.*)/m),
        cores => scalar(() = read_file('/proc/cpuinfo') =~ /^processor/mg),
        kernel => first_line(scalar capture(['uname', '-r']), qr/(\S+)/),
        httpd => first_line(scalar capture([Staple::Server::httpd(), '-v']),
                            qr{version: (\S+)}),
        openssl => first_line(scalar capture(['openssl', 'version']),
                              qr/OpenSSL (\S+)/),
        map { $_ => scalar(Staple::Peers::version_of($_)) // 'none' }
            Staple::Peers::names(),
    };
}

sub write_json {
    my ($path, $rows) = @_;
    require JSON::PP;

    my @plain = map {
        my %row = %$_;
        $row{$_} += 0 for grep { defined $row{$_} } qw(value allowed);
        \%row;
    } @$rows;
    write_file($path, JSON::PP->new->canonical->pretty->encode(
        { machine => machine(), rows => \@plain }));
    return;
}

1;
