# Terraform's AWS provider with the gateway as Cognito's endpoint: the policy decides what this run may do.
# usage: cd examples/terraform && terraform init
#        TF_VAR_gateway_token=$JWT terraform plan      (an access token: examples/curl.sh shows how to get one)
# Only Cognito's calls go there. Give other services a provider of their own, with AWS's keys.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "gateway_url" {
  type    = string
  default = "http://127.0.0.1:8787"
}

variable "gateway_token" {
  type      = string
  sensitive = true
}

variable "user_pool_id" {
  type    = string
  default = "us-east-1_DevPool01"
}

provider "aws" {
  alias      = "gateway"
  region     = split("_", var.user_pool_id)[0]
  access_key = "gateway" # these two may be anything: what counts is the token
  secret_key = "gateway"
  token      = var.gateway_token

  # The gateway is no STS and no metadata service.
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  endpoints {
    cognitoidp = var.gateway_url
  }
}

# AdminAddUserToGroup, AdminListGroupsForUser and AdminRemoveUserFromGroup: the built-in policy's admin may do it.
resource "aws_cognito_user_in_group" "premium" {
  provider     = aws.gateway
  user_pool_id = var.user_pool_id
  username     = "user@example.com"
  group_name   = "premium"
}
