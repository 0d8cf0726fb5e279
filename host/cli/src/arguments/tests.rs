//! The command tree as a whole: parses what is promised, explains everything.

use clap::CommandFactory as _;

use super::*;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}

/// Calls `visit` with every command that a person can run.
fn leaves(command: &clap::Command, path: &str, visit: &mut impl FnMut(&str, &clap::Command)) {
    for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
        let path = format!("{path} {}", child.get_name());
        if child.has_subcommands() { leaves(child, &path, visit) } else { visit(&path, child) }
    }
}

#[test]
fn the_tree_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_has_an_example_that_names_it() {
    let mut seen = 0;
    leaves(&Arguments::command(), "chancery", &mut |path, command| {
        seen += 1;
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.contains("Example"), "{path} has no example");
        assert!(after.contains(path), "the example of {path} does not show it");
        assert!(command.get_about().is_some(), "{path} does not say what it does");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path} does not explain {}", argument.get_id());
        }
    });
    assert_eq!(seen, 100);
}

#[test]
fn every_command_takes_the_output_flag() {
    let mut command = Arguments::command();
    command.build();
    leaves(&command, "chancery", &mut |path, command| {
        assert!(command.get_arguments().any(|a| a.get_id() == "output"), "{path} lacks --output");
    });
}

#[test]
fn the_help_lists_the_exit_codes() {
    let help = Arguments::command().render_help().to_string();
    for line in ["0  done", "1  refused", "2  wrong usage", "3  the other side", "4  wrong or missing"] {
        assert!(help.contains(line), "{line}");
    }
}

#[test]
fn the_contract_of_the_commands_parses() {
    for line in [
        "chancery serve",
        "chancery halt all --reason x",
        "chancery halt tenant tnt_1 --platform --reason x",
        "chancery halt key abc --of tnt_1 --platform --reason x",
        "chancery halt lift hlt_1",
        "chancery key request abc --organization Acme --country AT --common-name x",
        "chancery key authority --country AT",
        "chancery key certify abc chain.pem",
        "chancery key certify abc --remove",
        "chancery dev --port 1 --data d --reset --output json",
        "chancery offer create badge --subject - --tx-code --by-value --expires-in 60",
        "chancery offer show ofr_1 --output json",
        "chancery offer list --output text",
        "chancery offer cancel ofr_1 --url http://h/api --token t",
        "chancery credential list --offer ofr_1 --data d",
        "chancery offer create badge --deferred",
        "chancery deferral list --state pending --offer ofr_1 --limit 5",
        "chancery deferral show dfr_1",
        "chancery deferral complete dfr_1 --subject -",
        "chancery deferral refuse dfr_1 --reason x",
        "chancery wallet claim x --wait 60",
        "chancery wallet resume f --wait 60 --encrypt",
        "chancery credential revoke crd_1",
        "chancery credential suspend crd_1",
        "chancery credential reinstate crd_1",
        "chancery wallet claim x --tx-code 1 --count 3 --dpop --out f",
        "chancery api-key create --name n --scope issuance:offer --scope auditor",
        "chancery audit list --action offer.created --target-id ofr_1 --limit 5 --platform",
        "chancery audit verify --known 00 --tenant acme",
        "chancery plugin check badge.wasm",
        "chancery plugin push badge.wasm --activate --canary 5 --platform --of tnt_1",
        "chancery plugin activate badge@0.2.0 --shadow --configuration c.json",
        "chancery plugin rollback badge",
        "chancery plugin logs badge -f",
        "chancery plugin install signed-license --configuration c.json --document d",
        "chancery plugin uninstall four-eyes",
        "chancery license issue --key k --licensee l --expires 2027-01-01T00:00:00Z --grace-days 3 --feature subtenants",
        "chancery license set licence.txt",
        "chancery source set staff-pass staff https://h/ --header-file -",
        "chancery source remove staff-pass staff",
        "chancery provider set sso https://h/ --client-id c --secret-file - --credential badge --claim a=sub --userinfo",
        "chancery provider list",
        "chancery provider remove sso",
        "chancery plugin run p.wasm --subject s.json --answers a.json",
        "chancery webhook create https://h/ --event offer.created --event credential.issued",
        "chancery webhook update whk_1 --all-events --enable",
        "chancery webhook rotate whk_1 --overlap 0",
        "chancery webhook deliveries whk_1 --state dead --limit 5",
        "chancery webhook replay whk_1 evt_1",
        "chancery webhook replay whk_1 --dead",
        "chancery tenant approve tnt_1",
        "chancery migrate",
        "chancery doctor",
        "chancery completions zsh",
    ] {
        assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
    }
}

#[test]
fn wrong_usage_is_refused() {
    for line in [
        "chancery",
        "chancery wallet claim x --count 0",
        "chancery wallet claim x --dpop --bearer",
        "chancery offer create badge",
        "chancery api-key create --name n",
        "chancery plugin activate badge --canary 100",
        "chancery plugin activate badge --of tnt_1",
        "chancery api-key create --name n --scope root",
        "chancery webhook replay whk_1",
        "chancery webhook create https://h/ --event offer.eaten",
        "chancery webhook update whk_1 --enable --disable",
        "chancery dev --port 70000",
        "chancery provider set sso https://h/ --client-id c",
        "chancery provider set sso https://h/ --client-id c --credential badge --claim sub",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn the_output_flag_may_stand_anywhere() {
    assert_eq!(parse("chancery --output json offer list").unwrap().global.output, Output::Json);
    assert_eq!(parse("chancery offer list --output json").unwrap().global.output, Output::Json);
}
