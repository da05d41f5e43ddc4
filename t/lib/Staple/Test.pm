package Staple::Test;

# What every test needs: waiting, looking for tools, an end after all.

use strict;
use warnings;

use Exporter 'import';
use Apache::Test ();
use File::Temp ();
use Test::Builder ();

use Staple::Process qw(capture wait_until find_program read_file write_file
                       scale);

our @EXPORT = qw(capture wait_until read_file write_file mpm have_tool
                 have_capture new_dir tool top_builddir first_line_says
                 make_module);

# Apache::Test's plan() sends what failed to the output that harnesses hide, as
# if the test ran inside of httpd.
{
    no warnings 'redefine';
    *Apache::Test::test_pm_refresh = sub { };
}

# Whatever hangs, the test does not.
$SIG{ALRM} = sub { die "the test takes too long\n" };
alarm scale(150);
$SIG{$_} = sub { exit 1 } for qw(TERM INT HUP);

sub mpm { return $ENV{STAPLE_MPM} || 'event' }

sub top_builddir { return $ENV{top_builddir} || '.' }

# A program; without it the test says so and is skipped:
#   plan tests => 3, need { 'no tshark' => have_tool('tshark') };
sub have_tool {
    my @missing = grep { !find_program($_) } @_;

    return !@missing;
}

# May packets be captured on the loopback interface?
sub have_capture {
    return 0 if !have_tool('tshark');
    my $text = capture(['tshark', '-D']);
    return $text =~ /\blo\b/;
}

# How a program ended, and what its first line says; returns all that it said.
sub first_line_says {
    my ($name, $wanted, $pattern, $status, $text) = @_;
    my $test = Test::Builder->new;
    my ($first) = split /\n/, $text;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $test->is_eq($status, $wanted, "$name: exit status $wanted")
        or $test->diag($text);
    $test->like($first // '', $pattern, "$name: says so");
    return $text;
}

# Compiles a module of httpd from one file; returns its own.
sub make_module {
    my ($source) = @_;
    my $module = $source =~ s/\.c\z/.so/r;
    my @flags = map { my ($folder) = capture($_); "-I$folder" =~ /(\S+)/ }
        ['apxs', '-q', 'INCLUDEDIR'], ['apr-1-config', '--includedir'];
    my ($text, $status) = capture(
        [qw(cc -O2 -DLINUX -D_GNU_SOURCE -shared -fPIC), @flags, '-o', $module,
         $source]);

    die "$source: $text\n" if $status;
    return $module;
}

# A program of ours.
sub tool {
    my ($name) = @_;
    my $dir = $ENV{STAPLE_TOOLS} || top_builddir() . '/t/tools';

    return "$dir/$name";
}

# A directory that everybody may read, gone with the test unless it failed.
my @dirs;
my $owner = $$;

sub new_dir {
    my ($name) = @_;
    my $dir = File::Temp::tempdir('ocspstaple-' . ($name // 't') . '-XXXXXX',
                                  TMPDIR => 1);

    chmod 0755, $dir or die "$dir: $!\n";
    push @dirs, $dir;
    return $dir;
}

END {
    my $status = $?;

    if ($$ == $owner) {
        my $builder = Test::Builder->new;

        if ($status != 0 || !$builder->is_passing) {
            $builder->diag("kept: $_") for grep { -d } @dirs;
        }
        else {
            require File::Path;
            File::Path::remove_tree(@dirs, { safe => 0 });
        }
    }
    $? = $status;
}

1;
